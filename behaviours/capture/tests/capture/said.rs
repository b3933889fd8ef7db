//! What the two sides say of themselves.

use capture::{ArpKind, DnsAnswer, Seen, Service, Settings};

use crate::cable::{CLIENT, Cable, SERVER, talk};

#[test]
fn a_question_of_dns_and_its_answer_are_told_as_they_come() {
    let mut cable = Cable::new(Settings::default());
    let question = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03WWW\x07example\0\0\x01\0\x01";
    let answer = b"\x12\x34\x81\x80\0\x01\0\x02\0\0\0\0\x03www\x07example\0\0\x01\0\x01\
        \xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x06\x03web\xc0\x10\
        \xc0\x29\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01";
    cable.udp((CLIENT, 5000), (SERVER, 53), question);
    cable.udp((SERVER, 53), (CLIENT, 5000), answer);
    let [Seen::Dns(asked), Seen::Dns(told)] = &cable.seen[..] else { panic!("{:?}", cable.seen) };
    assert_eq!((asked.name.as_str(), asked.kind, asked.code), ("www.example", 1, None));
    assert_eq!((told.client.port, told.code), (5000, Some(0)));
    let web = DnsAnswer::Name("web.example".to_owned());
    assert_eq!(told.answers, [web, DnsAnswer::Address([192, 0, 2, 1].into())]);
    assert_eq!(cable.flows()[0].service, Some(Service::Dns));
}

#[test]
fn a_name_that_points_to_itself_is_no_name() {
    let mut cable = Cable::new(Settings::default());
    cable.udp(
        (CLIENT, 5000),
        (SERVER, 53),
        b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\xc0\x0c\0\x01\0\x01",
    );
    assert!(cable.seen.is_empty());
}

#[test]
fn who_claims_an_address_is_told() {
    let mut cable = Cable::new(Settings::default());
    let message = b"\0\x01\x08\0\x06\x04\0\x02\x02\x02\x02\x02\x02\x02\x0a\0\0\x01\
        \x01\x01\x01\x01\x01\x01\x0a\0\0\x02";
    let frame = [&[1; 6][..], &[3; 6], &[8, 6], message].concat();
    cable.frame(1, &frame);
    let [Seen::Arp(claim)] = &cable.seen[..] else { panic!("{:?}", cable.seen) };
    assert_eq!((claim.kind, claim.sender, claim.from), (ArpKind::Reply, [2; 6], Some([3; 6])));
    assert_eq!(claim.sender_address.to_string(), "10.0.0.1");
}

#[test]
fn what_is_spoken_is_told_by_its_first_bytes_whatever_the_port() {
    for (port, said, service) in [
        (8443, (true, &b"GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n"[..]), Service::Http),
        (2222, (true, b"SSH-2.0-OpenSSH_9.6\r\n"), Service::Ssh),
        (443, (true, b"SSH-2.0-OpenSSH_9.6\r\n"), Service::Ssh),
        (4444, (false, b"220 mail.example ESMTP\r\n"), Service::Smtp),
        (21, (false, b"220 ready\r\n"), Service::Ftp),
        (4445, (true, b"\0\0\0\x20\xfeSMB0000"), Service::Smb),
    ] {
        let mut cable = Cable::new(Settings::default());
        talk(&mut cable, port, &[said]);
        assert_eq!(cable.flows()[0].service, Some(service), "{port}");
    }
}

/// A hello of TLS 1.2 for that name.
fn hello(name: &[u8]) -> Vec<u8> {
    let length = |bytes: Vec<u8>| [&(bytes.len() as u16).to_be_bytes()[..], &bytes].concat();
    let name = [&[0][..], &length(name.to_vec())].concat();
    let alpn = length(b"\x02h2\x08http/1.1".to_vec());
    let extensions = [
        [&[0x0a, 0x0a][..], &length(vec![])].concat(),
        [&[0, 0][..], &length(length(name))].concat(),
        [&[0, 10][..], &length(length(vec![0, 29, 0, 23]))].concat(),
        [&[0, 11][..], &length(vec![1, 0])].concat(),
        [&[0, 13][..], &length(length(vec![4, 3, 8, 4]))].concat(),
        [&[0, 16][..], &length(alpn)].concat(),
    ]
    .concat();
    let body = [
        &[3, 3][..],
        &[7; 32],
        &[0],
        &length(vec![0x0a, 0x0a, 0x13, 1, 0xc0, 0x2f]),
        &[1, 0],
        &length(extensions),
    ]
    .concat();
    let handshake = [&[1, 0][..], &length(body)].concat();
    [&[0x16, 3, 1][..], &length(handshake)].concat()
}

#[test]
fn a_hello_of_tls_is_put_together_out_of_its_segments() {
    let whole = hello(b"Secret.Example");
    let pieces: Vec<(bool, &[u8])> = whole.chunks(20).map(|piece| (true, piece)).collect();
    let mut cable = Cable::new(Settings::default());
    talk(&mut cable, 443, &pieces);
    let flow = &cable.flows()[0];
    let tls = flow.metadata.clone().unwrap().tls.unwrap();
    assert_eq!(tls.server_name.as_deref(), Some("secret.example"));
    assert_eq!(tls.alpn, ["h2", "http/1.1"]);
    // GREASE is left out: two ciphers, five extensions.
    let ja4 = tls.ja4.unwrap();
    assert!(ja4.starts_with("t12d0205h2_"), "{ja4}");
    // The MD5 of `771,4865-49199,0-10-11-13-16,29-23,0`.
    assert_eq!(tls.ja3.as_deref(), Some("7cfd168d6dfb329b99460ce1f6af8c6c"));
}

#[test]
fn a_hello_is_read_after_another_protocol_made_way_for_it() {
    let hello = hello(b"secret.example");
    let (first, rest) = hello.split_at(30);
    let after = |port, said: &[(bool, &[u8])]| {
        let mut cable = Cable::new(Settings { max_heads: 1, ..Settings::default() });
        talk(&mut cable, port, &[said, &[(true, first), (true, rest)]].concat());
        let flow = cable.flows().remove(0);
        let tls = flow.metadata.and_then(|metadata| metadata.tls);
        (flow.service, tls.and_then(|tls| tls.server_name))
    };
    let told = |service| (Some(service), Some("secret.example".to_owned()));
    let mail: [(bool, &[u8]); 3] =
        [(false, b"220 x ESMTP\r\n"), (true, b"STARTTLS\r\n"), (false, b"220 go\r\n")];
    assert_eq!(after(587, &mail), told(Service::Smtp));
    let proxy: [(bool, &[u8]); 2] =
        [(true, b"CONNECT a:443 HTTP/1.1\r\n\r\n"), (false, b"HTTP/1.1 200 OK\r\n\r\n")];
    assert_eq!(after(8080, &proxy), told(Service::Http));
    let socks: [(bool, &[u8]); 2] = [(true, b"\x05\x01\x00"), (false, b"\x05\x00")];
    assert_eq!(after(1080, &socks), told(Service::Socks));
    // A body that looks like one is none where no proxy was asked.
    let page: [(bool, &[u8]); 1] = [(true, b"POST /x HTTP/1.1\r\n\r\n")];
    assert_eq!(after(80, &page), (Some(Service::Http), None));
}

#[test]
fn what_is_kept_of_payload_has_no_secrets() {
    let mut cable = Cable::new(Settings { payload_bytes: 200, ..Settings::default() });
    talk(&mut cable, 21, &[(false, b"220 ready\r\n"), (true, b"USER me\r\nPASS sesame\r\n")]);
    assert_eq!(cable.flows()[0].forward.first, b"USER me\r\nPASS ******\r\n");
}

#[test]
fn nothing_is_read_where_that_is_said() {
    let mut cable = Cable::new(Settings { metadata: false, ..Settings::default() });
    talk(&mut cable, 443, &[(true, &hello(b"secret.example"))]);
    assert!(cable.flows()[0].metadata.is_none());
}
