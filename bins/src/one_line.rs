//! Text of others, as it may be put into a job log.

/// `text` on one line without letters that a terminal takes for commands, and of at most `most`
/// letters.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    let mut line = String::new();
    for (at, letter) in text.chars().enumerate() {
        if at == most {
            line.push('…');
            break;
        }
        match letter.is_control() {
            true => line.extend(letter.escape_default()),
            false => line.push(letter),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_one_line_of_bearable_length() {
        assert_eq!(one_line("a\n\u{1b}[31mb\tä", 20), "a\\n\\u{1b}[31mb\\tä");
        assert_eq!(one_line("äöü", 3), "äöü");
        assert_eq!(one_line("äöüx", 3), "äöü…");
    }
}
