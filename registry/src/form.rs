//! A command's page as a form that people fill in (XEP-0004), and what they filled in.

use std::collections::BTreeMap;

use runtime::{FormField, Page};
use tokio_xmpp::minidom::Element;
use xmpp_parsers::{
    data_forms::{DataForm, DataFormType, Field, FieldType, Option_},
    ns,
};

use crate::{codec::sayable, commands::NAMESPACE, element::element};

/// Fields that are read; whoever sends more is refused.
pub(crate) const FIELDS: usize = 64;

/// What a page is inside its command: a note when there is nothing to fill in, else a form and
/// what can be done with it.
pub(crate) fn write(page: &Page, is_over: bool) -> Vec<Element> {
    if is_over {
        let kind = if page.refused { "error" } else { "info" };
        let told = [&page.title, &page.text].map(|it| sayable(it).into_owned());
        let told: Vec<String> = told.into_iter().filter(|it| !it.is_empty()).collect();
        let note = element("note", NAMESPACE, &[("type", kind)]).append(told.join(": "));
        return vec![note.build()];
    }
    let said = |text: &str| (!text.is_empty()).then(|| sayable(text).into_owned());
    let form = DataForm {
        type_: DataFormType::Form,
        title: said(&page.title),
        instructions: said(&page.text),
        fields: page.fields.iter().map(field).collect(),
    };
    let action = |name| Element::bare(name, NAMESPACE);
    let actions = element("actions", NAMESPACE, &[("execute", "complete")])
        .append(action("next"))
        .append(action("complete"));
    vec![actions.build(), form.into()]
}

fn field(shown: &FormField) -> Field {
    let any = shown.options.is_empty();
    let kind = if any { FieldType::TextSingle } else { FieldType::ListSingle };
    let mut field = Field::new(&sayable(&shown.name), kind);
    field.label = (!shown.label.is_empty()).then(|| sayable(&shown.label).into_owned());
    if !shown.value.is_empty() {
        field.values = vec![sayable(&shown.value).into_owned()];
    }
    let option = |it: &String| Option_ { label: None, value: sayable(it).into_owned() };
    field.options = shown.options.iter().map(option).collect();
    field
}

/// What was filled in, by name; `None` when that cannot be read. A command without a form fills
/// in nothing. A field that has no name is passed over.
pub(crate) fn read(command: &Element) -> Option<BTreeMap<String, String>> {
    let Some(form) = command.get_child("x", ns::DATA_FORMS) else { return Some(BTreeMap::new()) };
    if form.attr("type") != Some("submit") {
        return None;
    }
    let fields: Vec<&Element> =
        form.children().filter(|it| it.is("field", ns::DATA_FORMS)).take(FIELDS + 1).collect();
    if fields.len() > FIELDS {
        return None;
    }
    let filled = fields.into_iter().filter_map(|field| {
        let values = field.children().filter(|it| it.is("value", ns::DATA_FORMS));
        let lines: Vec<String> = values.map(Element::text).collect();
        Some((field.attr("var")?.to_owned(), lines.join("\n")))
    });
    Some(filled.filter(|(name, _)| name != "FORM_TYPE").collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submitted(fields: &str) -> Option<BTreeMap<String, String>> {
        let xml = format!(
            "<command xmlns='{NAMESPACE}'><x xmlns='jabber:x:data' type='submit'>{fields}</x></command>"
        );
        read(&xml.parse().unwrap())
    }

    #[test]
    fn what_was_filled_in_is_read_by_name() {
        let filled = submitted(
            "<field><value>nameless</value></field><field var='a'><value>1</value></field>\
             <field var='b'/><field var='c'><value>x</value><value>y</value></field>",
        );
        let wanted = [("a", "1"), ("b", ""), ("c", "x\ny")];
        let wanted = wanted.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(filled, Some(wanted.into()));
    }

    #[test]
    fn hundreds_of_fields_are_refused() {
        assert_eq!(submitted(&"<field var='a'><value>1</value></field>".repeat(65)), None);
    }

    #[test]
    fn a_page_is_a_form_until_it_is_over() {
        let options = vec!["fast".to_owned(), "slow".to_owned()];
        let (name, label) = ("pace".to_owned(), "Pace".to_owned());
        let field = FormField { name, label, value: "fast".to_owned(), options };
        let page = Page { title: "Run".to_owned(), fields: vec![field], ..Page::default() };
        let told: String = write(&page, false).iter().map(String::from).collect();
        insta::assert_snapshot!(told);
        let over = Page { text: "started".to_owned(), ..Page::default() };
        let told: String = write(&over, true).iter().map(String::from).collect();
        insta::assert_snapshot!(told);
    }
}
