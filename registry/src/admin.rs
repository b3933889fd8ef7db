//! Makes and removes accounts as an administrator (XEP-0133), and changes the own password
//! (XEP-0077).

use tokio_xmpp::{
    jid::{BareJid, Jid},
    minidom::Element,
};
use xmpp_parsers::data_forms::{DataForm, DataFormType, Field, FieldType};

use crate::element::element;

const COMMANDS: &str = "http://jabber.org/protocol/commands";
const ADMIN: &str = "http://jabber.org/protocol/admin";
const REGISTER: &str = "jabber:iq:register";

/// A command of XEP-0133.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    AddUser,
    ChangeUserPassword,
    DeleteUser,
    EndUserSession,
}

impl Command {
    fn node(self) -> String {
        let name = match self {
            Self::AddUser => "add-user",
            Self::ChangeUserPassword => "change-user-password",
            Self::DeleteUser => "delete-user",
            Self::EndUserSession => "end-user-session",
        };
        format!("{ADMIN}#{name}")
    }

    fn fields(self, account: &str, password: &str) -> Vec<Field> {
        let single = |name: &str, value: &str| Field::text_single(name, value);
        match self {
            Self::AddUser => vec![
                single("accountjid", account),
                single("password", password),
                single("password-verify", password),
            ],
            Self::ChangeUserPassword => {
                vec![single("accountjid", account), single("password", password)]
            }
            Self::DeleteUser | Self::EndUserSession => {
                let mut field = Field::new("accountjids", FieldType::JidMulti);
                field.values.push(account.to_owned());
                vec![field]
            }
        }
    }

    /// Asks for the command's form.
    pub(crate) fn begin(self) -> Element {
        element("command", COMMANDS, &[("node", &self.node()), ("action", "execute")]).build()
    }

    /// Hands the form in.
    pub(crate) fn submit(self, session: &str, account: &BareJid, password: &str) -> Element {
        let kind = Field::text_single("FORM_TYPE", ADMIN);
        let kind = Field { type_: FieldType::Hidden, ..kind };
        let fields = self.fields(account.as_str(), password);
        let form = DataForm {
            type_: DataFormType::Submit,
            title: None,
            instructions: None,
            fields: std::iter::once(kind).chain(fields).collect(),
        };
        let form = Element::from(form);
        let attributes = [("node", &*self.node()), ("sessionid", session)];
        element("command", COMMANDS, &attributes).append(form).build()
    }
}

/// The session of a command that waits for its form.
pub(crate) fn session(answer: Option<&Element>) -> Option<String> {
    let command = answer.filter(|it| it.is("command", COMMANDS))?;
    let is_open = command.attr("status") == Some("executing");
    command.attr("sessionid").filter(|_| is_open).map(str::to_owned)
}

/// What the server says of a command that it did not do; Prosody calls it completed all the same.
pub(crate) fn complaint(answer: Option<&Element>) -> Option<String> {
    let command = answer.filter(|it| it.is("command", COMMANDS))?;
    let note =
        command.children().find(|it| it.is("note", COMMANDS) && it.attr("type") == Some("error"));
    if let Some(note) = note {
        return Some(note.text());
    }
    (command.attr("status") != Some("completed"))
        .then(|| format!("the command is {}", command.attr("status").unwrap_or("in no state")))
}

/// Changes the password of the account that asks.
pub(crate) fn change_password(account: &BareJid, password: &str) -> Element {
    let name = account.node().map(tokio_xmpp::jid::NodeRef::as_str).unwrap_or_default();
    Element::builder("query", REGISTER)
        .append(Element::builder("username", REGISTER).append(name).build())
        .append(Element::builder("password", REGISTER).append(password).build())
        .build()
}

/// The server of an account, which does all this.
pub(crate) fn server(account: &BareJid) -> Jid {
    BareJid::from_parts(None, account.domain()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_failed_is_no_success() {
        let read = |text: &str| text.parse::<Element>().unwrap();
        let head = format!("<command xmlns='{COMMANDS}' node='x' sessionid='7' status=");
        let done = read(&format!("{head}'completed'><note type='info'>made</note></command>"));
        assert_eq!(complaint(Some(&done)), None);
        let failed = read(&format!("{head}'completed'><note type='error'>no</note></command>"));
        assert_eq!(complaint(Some(&failed)).as_deref(), Some("no"));
        let open = read(&format!("{head}'executing'/>"));
        assert_eq!(session(Some(&open)).as_deref(), Some("7"));
        assert!(complaint(Some(&open)).is_some());
        assert!(session(Some(&done)).is_none() && session(None).is_none());
    }
}
