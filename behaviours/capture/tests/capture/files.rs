//! Captures on disk.

use std::io::{Cursor, Write};

use capture::{File, FileError, Frame, merge};

/// A pcap with frames of those seconds, each a byte long.
fn pcap(big: bool, magic: u32, seconds: &[u32]) -> Vec<u8> {
    let word = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let half = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut bytes = Vec::new();
    bytes.extend(word(magic));
    bytes.extend(half(2));
    bytes.extend(half(4));
    for value in [0, 0, 65_535, 1] {
        bytes.extend(word(value));
    }
    for second in seconds {
        for value in [*second, 5, 1, 60] {
            bytes.extend(word(value));
        }
        bytes.push(*second as u8);
    }
    bytes
}

fn read(bytes: Vec<u8>) -> (Vec<(i64, u8, u32)>, File) {
    let mut file = File::read("test", Cursor::new(bytes)).unwrap();
    let mut frames = Vec::new();
    while file.next(&mut |frame| frames.push(told(frame))).unwrap() {}
    (frames, file)
}

fn told(frame: Frame<'_>) -> (i64, u8, u32) {
    (frame.at.0, frame.bytes[0], frame.length)
}

#[test]
fn both_byte_orders_and_both_units_of_time_are_read() {
    for big in [false, true] {
        let (micro, _) = read(pcap(big, 0xa1b2_c3d4, &[1]));
        assert_eq!(micro, [(1_000_005_000, 1, 60)]);
        let (nano, _) = read(pcap(big, 0xa1b2_3c4d, &[1]));
        assert_eq!(nano, [(1_000_000_005, 1, 60)]);
    }
}

#[test]
fn a_packed_capture_is_unpacked() {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(&pcap(false, 0xa1b2_c3d4, &[1, 2])).unwrap();
    assert_eq!(read(packer.finish().unwrap()).0.len(), 2);
}

#[test]
fn a_capture_that_is_cut_off_says_so() {
    let mut bytes = pcap(false, 0xa1b2_c3d4, &[1, 2]);
    bytes.truncate(bytes.len() - 5);
    let (frames, file) = read(bytes);
    assert_eq!(frames.len(), 1);
    assert!(file.is_cut_off());
}

#[test]
fn what_is_no_capture_is_refused_by_name() {
    let error = File::read("notes.txt", Cursor::new(b"Dear diary, today".to_vec())).unwrap_err();
    assert!(matches!(&error, FileError::NotACapture { name } if name == "notes.txt"), "{error}");
    assert!(File::read("empty", Cursor::new(Vec::new())).is_err());
}

#[test]
fn a_frame_that_lies_about_its_length_ends_the_reading_there() {
    let mut bytes = pcap(false, 0xa1b2_c3d4, &[1]);
    for value in [2_u32, 5, u32::MAX, 60] {
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend([0; 100]);
    let mut file = File::read("test", Cursor::new(bytes)).unwrap();
    assert!(file.next(&mut |_| {}).unwrap());
    let end = file.next(&mut |_| {});
    assert!(
        matches!(end, Err(FileError::Damaged { frames: 1, .. })) || file.is_cut_off(),
        "{end:?}"
    );
}

/// A pcapng with two interfaces, one of them in nanoseconds and an hour ahead.
fn pcapng() -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let padded = body.len().next_multiple_of(4);
        let length = (12 + padded) as u32;
        let mut bytes = [kind.to_le_bytes(), length.to_le_bytes()].concat();
        bytes.extend(body);
        bytes.resize(8 + padded, 0);
        bytes.extend(length.to_le_bytes());
        bytes
    };
    let section = [&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat();
    let plain = [1, 0, 0, 0, 0, 0, 0, 0];
    let options = [9, 0, 1, 0, 9, 0, 0, 0, 14, 0, 8, 0, 16, 14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let fine = [&[101, 0, 0, 0, 0, 0, 0, 0][..], &options].concat();
    let packet = |interface: u32, units: u64, byte: u8| {
        let mut body = interface.to_le_bytes().to_vec();
        body.extend(((units >> 32) as u32).to_le_bytes());
        body.extend((units as u32).to_le_bytes());
        body.extend([1, 0, 0, 0, 60, 0, 0, 0, byte]);
        block(6, &body)
    };
    [
        block(0x0a0d_0d0a, &section),
        block(1, &plain),
        block(1, &fine),
        packet(0, 2_000_000, 7),
        packet(1, 3_000_000_000, 8),
        packet(9, 1, 9),
    ]
    .concat()
}

#[test]
fn each_interface_of_a_pcapng_has_its_own_clock() {
    let (frames, _) = read(pcapng());
    assert_eq!(frames[..2], [(2_000_000_000, 7, 60), (3_603_000_000_000, 8, 60)]);
}

#[test]
fn a_frame_of_an_interface_that_is_not_described_is_counted_as_unread() {
    let mut file = File::read("test", Cursor::new(pcapng())).unwrap();
    let mut engine = capture::Engine::new(capture::Settings::default());
    while file.next(&mut |frame| engine.frame(frame, &mut |_| {})).unwrap() {}
    assert_eq!((engine.counters().frames, engine.counters().unread), (3, 1));
}

#[test]
fn a_frame_of_a_file_without_interfaces_is_one_of_none() {
    let mut file = File::read("test", Cursor::new(pcapng()[..28].to_vec())).unwrap();
    assert!(!file.next(&mut |_| {}).unwrap());
}

#[test]
fn several_captures_are_read_in_order_of_time_and_a_broken_one_does_not_stop_the_others() {
    let open = |bytes: Vec<u8>| File::read("test", Cursor::new(bytes)).unwrap();
    let mut broken = pcapng();
    // A block whose two lengths say different things.
    broken.extend([6, 0, 0, 0, 32, 0, 0, 0]);
    broken.extend([0; 20]);
    broken.extend([99, 0, 0, 0]);
    broken.extend(pcap(false, 0xa1b2_c3d4, &[6]));
    let files = vec![
        open(pcap(false, 0xa1b2_c3d4, &[1, 4])),
        open(broken),
        open(pcap(true, 0xa1b2_c3d4, &[3, 5])),
    ];
    let (mut order, mut failures) = (Vec::new(), 0);
    merge(files, &mut |frame| order.push(frame.bytes[0]), &mut |_| failures += 1);
    assert_eq!(order, [1, 7, 3, 4, 5, 8, 9]);
    assert_eq!(failures, 1);
}
