// SPDX-License-Identifier: GPL-2.0
//! Checks what the message of a patch, and the text of the cover letter, must not contain. What git
//! am or b4 would silently cut, strip or join is found by the round trips (`mail::round_trip`,
//! `b4`).

/// Maximum length of a subject, in characters, without "[PATCH 01/10] ". Readers of the mailing
/// lists see only a part of a longer subject.
const SUBJECT: usize = 75;

/// Tags, besides all "...-by:", that people and b4 look for at the end of a message.
const TAGS: [&str; 4] = ["Fixes:", "Link:", "Closes:", "Cc:"];

pub fn check(text: &str) -> Result<(), String> {
    let lines: Vec<&str> = text.trim_end_matches('\n').split('\n').collect();
    let length = lines[0].chars().count();
    if length == 0 || length > SUBJECT {
        return Err(format!(
            "the subject has {length} characters, not 1 to {SUBJECT}: mail readers cut longer ones"
        ));
    }
    let last = lines.iter().rposition(|line| line.is_empty()).unwrap_or(0);
    for (number, line) in (1..).zip(&lines) {
        let refused = match line {
            line if line.contains(|c: char| c.is_control() && c != '\t') => {
                "has a control character, which a terminal would obey"
            }
            line if line.trim_end() == "---" => "is `---`: git am drops all lines after it",
            line if line.starts_with("Signed-off-by:") => {
                "is a Signed-off-by: only a person adds it, when they send the series"
            }
            line if is_tag(line) && number <= last => {
                "is a tag above the last paragraph: git and b4 do not see it there"
            }
            _ => continue,
        };
        return Err(format!("line {number} {refused}"));
    }
    Ok(())
}

/// Returns whether the line is a tag, such as "Reviewed-by: ...".
fn is_tag(line: &str) -> bool {
    let name = line.split_once(": ").map_or("", |(name, _)| name);
    let by = name.ends_with("-by") && !name.contains(' ');
    by || TAGS.iter().any(|tag| line.starts_with(tag))
}

/// Returns the message with `tag` at its end, in the paragraph of the other tags if there is one.
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
    fn what_no_round_trip_shows_is_refused_with_the_reason() {
        let cases = [
            ("", "0 characters"),
            (&format!("x: {}\n", "y".repeat(73)), "has 76 characters"),
            ("x: y\n\nbody\n---\nlost\n", "line 4 is `---`"),
            ("x: y\n\n\x1b[1mbold\n", "line 3 has a control character"),
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
        check("x: add [z] to für\n\nWritten by: hand.\n\nCc: A <a@b>\nReviewed-by: A <a@b>\n")
            .unwrap();
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
