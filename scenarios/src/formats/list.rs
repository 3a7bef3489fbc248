//! Lists as strings: what Jepsen's list-append tests append to, for a store whose values are strings.
//!
//! Every element is followed by a separator, so that appending an element to a list is appending a string to a string.
//! The separator is the one that ASCII has for it (US, unit separator), and no element contains it. What it simplifies:
//! the empty list is no value, as a missing key is.

use whitewater_kv::Answer;

use super::texts::Texts;

/// What follows an element.
const END: char = '\u{1f}';

/// Whether this can be an element.
pub(super) fn is_element(text: &str) -> bool {
    !text.contains(END)
}

/// The list of one element.
pub(super) fn one(element: &str) -> String {
    format!("{element}{END}")
}

/// What a read of this list is answered.
pub(super) fn answer(elements: &[String], texts: &mut Texts) -> Answer {
    let list: String = elements.iter().map(|element| one(element)).collect();
    Answer::Value((!list.is_empty()).then(|| texts.share(&list)))
}

/// The elements, if this value is a list.
pub(super) fn elements(value: &str) -> Option<impl DoubleEndedIterator<Item = &str> + Clone> {
    value.strip_suffix(END).map(|elements| elements.split(END))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_appended_is_what_is_read() {
        let value = one("1") + &one("") + &one("x y");
        let Answer::Value(Some(read)) = answer(&["1".into(), String::new(), "x y".into()], &mut Texts::default())
        else {
            panic!("a value")
        };
        assert_eq!(*read, value);
        assert_eq!(elements(&value).expect("a list").collect::<Vec<_>>(), ["1", "", "x y"]);
        assert_eq!(answer(&[], &mut Texts::default()), Answer::Value(None));
        assert!(elements("1").is_none() && elements("").is_none());
    }
}
