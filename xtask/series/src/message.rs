// SPDX-License-Identifier: GPL-2.0
//! What a patch's message, and the cover letter's text, must not hold: whatever
//! git am, an mbox or b4 would cut, strip or join without a word. What is not
//! known here the round trip finds (`mail::round_trip`).

/// The lists' readers cut a subject that is longer, "[PATCH 01/10] " aside.
const SUBJECT: usize = 75;
/// SMTP carries no longer line as it is.
const LINE: usize = 998;

/// A line that ends or cuts a message: how it starts, and what happens.
const CUTS: [(&str, &str); 5] = [
    ("diff --git ", "git am takes it for the diff"),
    ("diff -", "git am takes it for the diff"),
    ("Index: ", "git am takes it for the diff"),
    ("--- ", "git am takes it for the diff"),
    ("From ", "in an mbox a new mail starts there"),
];

/// Headers that git am takes from the start of a body, and b4 as well.
const IN_BODY: [&str; 5] = ["From:", "Subject:", "Date:", "[PATCH", ">From "];

/// Tags that people and b4 look for at the end of a message, beside all "...-by:".
const TAGS: [&str; 4] = ["Fixes:", "Link:", "Closes:", "Cc:"];

/// Refuses what would not come back from a mail as it went in.
pub fn check(text: &str) -> Result<(), String> {
    let lines: Vec<&str> = text.trim_end_matches('\n').split('\n').collect();
    for (number, line) in (1..).zip(&lines) {
        check_line(line).map_err(|reason| format!("line {number} {reason}"))?;
    }
    check_subject(&lines)?;
    check_body(&lines)
}

fn check_line(line: &str) -> Result<(), String> {
    if line.trim_end() == "---" {
        return Err("is `---`: git am drops all that follows".into());
    }
    if let Some((start, why)) = CUTS.iter().find(|(start, _)| line.starts_with(start)) {
        return Err(format!("starts with `{start}`: {why}"));
    }
    if let Some(c) = line.chars().find(|c| c.is_control() && *c != '\t') {
        return Err(format!(
            "has a control character ({}): git am cuts or strips it, or a terminal obeys it",
            c.escape_unicode()
        ));
    }
    if line.ends_with(char::is_whitespace) {
        return Err("ends in white space: git am strips it".into());
    }
    if is_scissors(line) {
        return Err("is a scissors line: git am --scissors and b4 drop all before it".into());
    }
    if line.len() > LINE {
        return Err(format!("has more than {LINE} bytes: mail servers break it"));
    }
    Ok(())
}

/// "-- >8 --", as git's mailinfo judges it: marks and dashes, and little else.
fn is_scissors(line: &str) -> bool {
    let marks = [">8", "8<", ">%", "%<"];
    let dashes = line.chars().filter(|c| *c == '-').count();
    marks.iter().any(|mark| line.contains(mark))
        && dashes >= 2
        && 2 * dashes >= line.trim().len() / 2
}

fn check_subject(lines: &[&str]) -> Result<(), String> {
    let subject = lines.first().copied().unwrap_or_default();
    if subject.trim().is_empty() {
        return Err("the first line, the subject, is empty".into());
    }
    if subject.starts_with('[') {
        return Err("the subject starts with `[`: git am strips what is in brackets".into());
    }
    if subject.to_ascii_lowercase().starts_with("re:") {
        return Err("the subject starts with `Re:`: git am strips it".into());
    }
    if subject.split_whitespace().collect::<Vec<_>>().join(" ") != subject {
        return Err("the subject has white space other than single spaces: git am joins it".into());
    }
    let length = subject.chars().count();
    if length > SUBJECT {
        return Err(format!(
            "the subject has {length} characters: over {SUBJECT} readers cut it"
        ));
    }
    if lines.get(1).is_some_and(|line| !line.is_empty()) {
        return Err("the second line is not blank: git am would join it to the subject".into());
    }
    Ok(())
}

fn check_body(lines: &[&str]) -> Result<(), String> {
    if let Some(at) = lines.windows(2).position(|two| two == ["", ""]) {
        return Err(format!(
            "lines {} and {} are both blank: git am leaves one",
            at + 1,
            at + 2
        ));
    }
    let first = lines.get(2).copied().unwrap_or_default();
    if let Some(header) = IN_BODY.iter().find(|header| first.starts_with(**header)) {
        return Err(format!(
            "the body starts with `{header}`: git am takes it for a header of the mail"
        ));
    }
    let last = lines.iter().rposition(|line| line.is_empty()).unwrap_or(0);
    for (number, line) in (1..).zip(lines) {
        if line.starts_with("Signed-off-by:") {
            return Err(format!(
                "line {number} is a Signed-off-by: only a person adds theirs, to send it"
            ));
        }
        if is_tag(line) && number <= last {
            return Err(format!(
                "line {number} is a tag above the last paragraph: git and b4 do not see it there"
            ));
        }
    }
    Ok(())
}

/// "Reviewed-by: ..." and the like.
fn is_tag(line: &str) -> bool {
    let name = line.split_once(": ").map_or("", |(name, _)| name);
    let by = name.ends_with("-by") && !name.contains(' ');
    by || TAGS.iter().any(|tag| line.starts_with(tag))
}

/// The message with one tag more, in the paragraph of the others.
pub fn with_tag(text: &str, tag: &str) -> String {
    let text = text.trim_end();
    let last = text.rsplit("\n\n").next().unwrap_or_default();
    let gap = if last != text && last.lines().all(is_tag) {
        "\n"
    } else {
        "\n\n"
    };
    format!("{text}{gap}{tag}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_not_come_back_is_refused_with_the_reason() {
        let long = "x".repeat(999);
        let cases = [
            ("", "empty"),
            ("[PATCH] x: y\n", "strips what is in brackets"),
            ("Re: x: y\n", "`Re:`: git am strips it"),
            ("x:  y\n", "single spaces"),
            (" x: y\n", "single spaces"),
            ("x:\ty\n", "single spaces"),
            (&format!("x: {}\n", "y".repeat(73)), "has 76 characters"),
            ("x: y\nno blank line\n", "not blank"),
            ("x: y\n\nbody\n---\nlost\n", "line 4 is `---`"),
            ("x: y\n\n---  \n", "line 3 is `---`"),
            (
                "x: y\n\ndiff --git a/x b/x\n",
                "line 3 starts with `diff --git `",
            ),
            ("x: y\n\ndiff -up a b\n", "`diff -`"),
            ("x: y\n\nIndex: x\n", "`Index: `"),
            ("x: y\n\n--- a/x\n", "`--- `"),
            (
                "x: y\n\nb\n\nFrom a@b Mon Sep 17 00:00:00 2001\n",
                "line 5 starts with `From `: in an mbox",
            ),
            ("x: y\n\nbody \nmore\n", "line 3 ends in white space"),
            ("x: y\n\n-- \nme\n", "line 3 ends in white space"),
            ("x: y\n\nbody\r\n", "\\u{d}"),
            ("x: y\n\nbo\0dy\n", "\\u{0}"),
            ("x: y\n\n\x1b[1mbold\n", "\\u{1b}"),
            ("x: y\n\nbody\n\n-- >8 --\nmore\n", "scissors"),
            ("x: y\n\nbody\n\n8< - - - - - - 8<\nmore\n", "scissors"),
            (&format!("x: y\n\n{long}\n"), "more than 998 bytes"),
            ("x: y\n\none\n\n\ntwo\n", "lines 4 and 5 are both blank"),
            ("x: y\n\n\nbody\n", "lines 2 and 3 are both blank"),
            ("x: y\n\nFrom: A <a@b>\n\nbody\n", "starts with `From:`"),
            ("x: y\n\nSubject: other\n", "starts with `Subject:`"),
            ("x: y\n\nDate: now\n", "starts with `Date:`"),
            ("x: y\n\n[PATCH] other\n", "starts with `[PATCH`"),
            ("x: y\n\n>From there\n", "starts with `>From "),
            ("x: y\n\nbody\n\nSigned-off-by: A <a@b>\n", "only a person"),
            (
                "x: y\n\nReviewed-by: A <a@b>\n\nbody\n",
                "line 3 is a tag above",
            ),
            (
                "x: y\n\nbody\n\nFixes: 123 (\"z\")\n\nmore\n",
                "line 5 is a tag above",
            ),
        ];
        for (text, reason) in cases {
            let refused = check(text).expect_err(text);
            assert!(refused.contains(reason), "{text:?}: {refused}");
        }
    }

    #[test]
    fn what_comes_back_is_not_refused() {
        let cases = [
            "x: y\n",
            "x: add [z] to für\n\nA body -- with dashes.\n\nAssisted-by: A [b]\n",
            "x: y\n\n#include <x.h>\n# not a comment\n----\n---x\n@@ -1 +1 @@\n+++ b/x\n",
            "x: y\n\nWritten by: hand, x->y - z, a -> b.\n\tdiff --git a b\nlast: line\n",
            "x: y\n\nb\n\nCc: A <a@b>\nFixes: 12 (\"z\")\nReviewed-by: A <a@b>\n",
        ];
        for text in cases {
            check(text).unwrap_or_else(|reason| panic!("{text:?}: {reason}"));
        }
    }

    #[test]
    fn tags_stay_together() {
        assert_eq!(with_tag("x: y\n\nb\n", "A-by: z"), "x: y\n\nb\n\nA-by: z\n");
        assert_eq!(
            with_tag("x: y\n\nb\n\nFixes: 1\n", "A-by: z"),
            "x: y\n\nb\n\nFixes: 1\nA-by: z\n"
        );
        assert_eq!(with_tag("B-by: y\n", "A-by: z"), "B-by: y\n\nA-by: z\n");
    }
}
