//! HTML, written so that no text can become markup.

use crate::words::printable;

/// Text for between tags: with escapes for what HTML means something by, and for what would disturb whoever reads it.
pub(super) fn text(raw: &str) -> String {
    let mut escaped = String::with_capacity(raw.len());
    for line in raw.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        for character in printable(line).chars() {
            match character {
                '&' => escaped.push_str("&amp;"),
                '<' => escaped.push_str("&lt;"),
                '>' => escaped.push_str("&gt;"),
                '"' => escaped.push_str("&quot;"),
                '\'' => escaped.push_str("&#39;"),
                other => escaped.push(other),
            }
        }
        escaped.push_str(end);
    }
    escaped
}

/// Text for inside of the quotes of an attribute.
pub(super) fn attribute(raw: &str) -> String {
    text(raw)
}

/// JSON as it may stand in a script: nothing in it can end the script.
fn in_script(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' => escaped.push_str("\\u003c"),
            '>' => escaped.push_str("\\u003e"),
            '&' => escaped.push_str("\\u0026"),
            '\u{2028}' => escaped.push_str("\\u2028"),
            '\u{2029}' => escaped.push_str("\\u2029"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A page that is being written.
pub(super) struct Page(String);

impl Page {
    /// The beginning. Whatever went wrong with escaping, the policy keeps the page from asking anybody for anything.
    pub(super) fn new(title: &str, style: &str) -> Page {
        let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";
        Page(format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n\
             <title>{}</title>\n<style>\n{style}</style>\n</head>\n<body>\n",
            text(title)
        ))
    }

    /// Adds markup.
    pub(super) fn push(&mut self, markup: &str) {
        self.0.push_str(markup);
    }

    /// Adds a fact to a list of them.
    pub(super) fn fact(&mut self, name: &str, markup: &str) {
        self.push(&format!("<dt>{}</dt><dd>{markup}</dd>\n", text(name)));
    }

    /// Adds a row of cells, which are text.
    pub(super) fn row(&mut self, class: &str, cells: &[&str]) {
        let cells: String = cells.iter().map(|cell| format!("<td>{}</td>", text(cell))).collect();
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        self.push(&format!("<tr{class}>{cells}</tr>\n"));
    }

    /// Begins a table with these headings.
    pub(super) fn table(&mut self, headings: &[&str]) {
        let cells: String =
            headings.iter().map(|heading| format!("<th scope=\"col\">{}</th>", text(heading))).collect();
        self.push(&format!("<div class=\"scroll\"><table>\n<thead><tr>{cells}</tr></thead>\n<tbody>\n"));
    }

    /// Ends a table.
    pub(super) fn end_table(&mut self) {
        self.push("</tbody></table></div>\n");
    }

    /// Adds data for the script.
    pub(super) fn json(&mut self, id: &str, json: &str) {
        self.push(&format!("<script type=\"application/json\" id=\"{id}\">{}</script>\n", in_script(json)));
    }

    /// Adds a script of ours.
    pub(super) fn script(&mut self, script: &str) {
        self.push(&format!("<script>\n\"use strict\";\n{script}</script>\n"));
    }

    /// The whole page.
    pub(super) fn finish(mut self) -> String {
        self.push("</body>\n</html>\n");
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_never_becomes_markup() {
        let hostile = "</script><img src=x onerror=\"alert('1')\">&\u{1b}[2J\u{202e}";
        let expected =
            "&lt;/script&gt;&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;\\u{1b}[2J\\u{202e}";
        assert_eq!(text(hostile), expected);
        assert_eq!(text("a\nb"), "a\nb");
        let json = serde_json::to_string("</script><!--\u{2028}&").expect("a string");
        assert_eq!(in_script(&json), "\"\\u003c/script\\u003e\\u003c!--\\u2028\\u0026\"");
    }
}
