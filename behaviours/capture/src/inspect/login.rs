//! Logins that everybody on the way can read: FTP, SMTP, POP3, IMAP, Telnet. Who, never with what.

use crate::{Credentials, Metadata, Service, inspect::text};

/// What was asked for last.
#[derive(Debug, Default)]
pub(crate) struct Login {
    /// Telnet asked for a name; letters come one by one.
    asked: Asked,
    typed: Vec<u8>,
    /// IMAP's tag of the login that waits for an answer.
    tag: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Asked {
    #[default]
    Nothing,
    Name,
    Secret,
}

impl Login {
    pub(super) fn read(
        &mut self,
        service: Option<Service>,
        payload: &[u8],
        way: usize,
        metadata: &mut Option<Box<Metadata>>,
    ) {
        match (service, way) {
            (Some(Service::Telnet), _) => self.telnet(payload, way, metadata),
            (Some(service), 0) => {
                for line in text::lines(payload) {
                    self.command(service, line, metadata);
                }
            }
            (Some(service), _) => {
                for line in text::lines(payload) {
                    if self.is_refusal(service, line) {
                        let metadata = metadata.get_or_insert_default();
                        metadata.refused = metadata.refused.saturating_add(1);
                    }
                }
            }
            (None, _) => {}
        }
    }

    fn command(&mut self, service: Service, line: &[u8], metadata: &mut Option<Box<Metadata>>) {
        let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        let Some(first) = words.next() else { return };
        let name = match service {
            Service::Ftp | Service::Pop3 if first.eq_ignore_ascii_case(b"USER") => words.next(),
            Service::Imap => {
                let login = words.next().is_some_and(|word| word.eq_ignore_ascii_case(b"LOGIN"));
                self.tag = login.then(|| text::kept(first));
                if login { words.next() } else { None }
            }
            Service::Smtp if first.eq_ignore_ascii_case(b"AUTH") => {
                // The name is in what follows, together with the secret: it is not taken out.
                words.next().map(|_| &b""[..])
            }
            _ => None,
        };
        if let Some(name) = name {
            known(service.name(), name.trim_ascii(), metadata);
        }
    }

    fn is_refusal(&mut self, service: Service, line: &[u8]) -> bool {
        match service {
            Service::Ftp => line.starts_with(b"530"),
            Service::Smtp => line.starts_with(b"535"),
            Service::Pop3 => line.starts_with(b"-ERR"),
            Service::Imap => {
                let tag = self.tag.as_deref().unwrap_or_default().as_bytes();
                let rest = line.strip_prefix(tag).filter(|_| !tag.is_empty());
                let refused = rest.is_some_and(|rest| rest.trim_ascii_start().starts_with(b"NO"));
                if refused {
                    self.tag = None;
                }
                refused
            }
            _ => false,
        }
    }

    /// Telnet's names come letter by letter, after `login:`.
    fn telnet(&mut self, payload: &[u8], way: usize, metadata: &mut Option<Box<Metadata>>) {
        if way == 1 {
            let lower = payload.to_ascii_lowercase();
            let ends = |word: &[u8]| lower.trim_ascii_end().ends_with(word);
            if ends(b"login:") || ends(b"username:") {
                self.asked = Asked::Name;
                self.typed.clear();
            } else if ends(b"password:") {
                self.asked = Asked::Secret;
            }
            let has = |word: &[u8]| lower.windows(word.len()).take(512).any(|part| part == word);
            if has(b"login incorrect") || has(b"authentication failed") || has(b"access denied") {
                let metadata = metadata.get_or_insert_default();
                metadata.refused = metadata.refused.saturating_add(1);
            }
            return;
        }
        if self.asked != Asked::Name || payload.first() == Some(&0xff) {
            return;
        }
        for byte in payload {
            if matches!(byte, b'\r' | b'\n') {
                if !self.typed.is_empty() {
                    known("telnet", &self.typed, metadata);
                }
                self.asked = Asked::Nothing;
                self.typed.clear();
                return;
            }
            if self.typed.len() < 64 {
                self.typed.push(*byte);
            }
        }
    }
}

fn known(scheme: &str, name: &[u8], metadata: &mut Option<Box<Metadata>>) {
    // Nobody's name: what public servers take from everybody.
    if name.eq_ignore_ascii_case(b"anonymous") || name.eq_ignore_ascii_case(b"ftp") {
        return;
    }
    let credentials = Credentials { scheme: scheme.to_owned(), user: text::blotted(name) };
    metadata.get_or_insert_default().credentials.get_or_insert(credentials);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(service: Service, said: &[(usize, &[u8])]) -> Metadata {
        let mut login = Login::default();
        let mut metadata = None;
        for (way, payload) in said {
            login.read(Some(service), payload, *way, &mut metadata);
        }
        metadata.map(|metadata| *metadata).unwrap_or_default()
    }

    #[test]
    fn who_logs_in_is_known_and_the_secret_is_not() {
        let ftp = heard(
            Service::Ftp,
            &[
                (0, b"USER somebody\r\n"),
                (0, b"PASS swordfish\r\n"),
                (1, b"530 Login incorrect.\r\n"),
            ],
        );
        assert_eq!(ftp.credentials.as_ref().unwrap().user, "so***y");
        assert_eq!(ftp.refused, 1);
        assert!(!serde_json::to_string(&ftp).unwrap().contains("sword"));
        let imap = heard(
            Service::Imap,
            &[
                (0, b"a1 LOGIN somebody swordfish\r\n"),
                (1, b"a1 NO failed\r\n"),
                (1, b"a1 NO x\r\n"),
            ],
        );
        assert_eq!((imap.refused, imap.credentials.unwrap().user.as_str()), (1, "so***y"));
        let telnet = heard(
            Service::Telnet,
            &[(1, b"\r\nlogin: "), (0, b"rooto"), (0, b"r\r\n"), (1, b"Password: "), (0, b"x\r\n")],
        );
        assert_eq!(telnet.credentials.unwrap().user, "ro***r");
    }

    #[test]
    fn an_anonymous_login_is_nobodys() {
        assert_eq!(heard(Service::Ftp, &[(0, b"USER anonymous\r\n")]), Metadata::default());
    }
}
