// SPDX-License-Identifier: GPL-2.0
//! Formats saved soaks: as a list for the cover letter, and as the table in README.md that says
//! what was tested for how long. The table shows a soak that is not saved as "not yet".

use guest_protocol::Form;
use measure::soak::{CLOUD, STOCK, SavedSoak};
use toolbox::line::{LINES, Line};

use super::table::wrapped;

/// A configuration: its name for people, and its words as a saved soak has them, sorted.
struct Configuration {
    name: &'static str,
    words: &'static [&'static str],
}

/// The configurations in which a release is expected to be soaked.
const EXPECTED: [Configuration; 8] = [
    Configuration {
        name: "default configuration",
        words: &[],
    },
    Configuration {
        name: "drivers as modules",
        words: &["modules"],
    },
    Configuration {
        name: "PREEMPT_RT",
        words: &[RT],
    },
    Configuration {
        name: "lockdep; the series with full preemption, without IRQ_TIME_ACCOUNTING",
        words: &["lockdep", "preempt-full", "tick-accounting"],
    },
    Configuration {
        name: "KASAN",
        words: &["kasan"],
    },
    Configuration {
        name: "KCSAN",
        words: &["kcsan"],
    },
    Configuration {
        name: "UBSAN, kmemleak, NO_HZ_FULL; on 7.3 lazy preemption",
        words: &["kmemleak", "nohz-full", LAZY, "ubsan"],
    },
    Configuration {
        name: "Debian's cloud kernel",
        words: &[CLOUD, STOCK],
    },
];

/// On PREEMPT_RT interrupt handlers are threads, which the module cannot run from the idle loop.
const RT: &str = "preempt-rt";
/// 6.12 has no lazy preemption.
const LAZY: &str = "preempt-lazy";

impl Configuration {
    /// Returns the words as a soak of this kernel has them, or why there is no such kernel.
    fn of(&self, line: &str, form: Form) -> Result<Vec<&'static str>, &'static str> {
        match (form, self.words) {
            (Form::Series, words) if words.contains(&STOCK) => Err("not supported"),
            (Form::Module, [RT]) => Err("not supported"),
            // Debian's kernels have drivers as modules.
            (Form::Module, ["modules"]) => Err("always"),
            (Form::Module, []) => Ok(vec![STOCK]),
            (Form::Module, ["lockdep", ..]) => Ok(vec!["lockdep"]),
            _ => {
                let is_there = |word: &&&str| **word != LAZY || line == "7.3";
                Ok(self.words.iter().filter(is_there).copied().collect())
            }
        }
    }
}

/// Makes the list for the cover letter. All `soaks` are of one line and of the series.
pub fn list(soaks: &[SavedSoak]) -> String {
    let item = |soak: &SavedSoak| {
        let text = format!("- {}: {} ({})", name(soak), amount(soak), soak.date);
        format!(" {}", wrapped(71, "   ", &text))
    };
    match soaks {
        [] => " - none yet".into(),
        soaks => soaks.iter().map(item).collect::<String>().trim_end().into(),
    }
}

/// Makes the table for README.md: a row for each configuration, a column for each kernel.
/// `is_current` returns whether a soak is of the present source.
pub fn table(soaks: &[SavedSoak], is_current: impl Fn(&SavedSoak) -> bool) -> Vec<Vec<String>> {
    let columns: Vec<(Form, &Line)> = [Form::Series, Form::Module]
        .into_iter()
        .flat_map(|form| LINES.iter().map(move |line| (form, line)))
        .collect();
    let title = |(form, line): &(Form, &Line)| match form {
        Form::Series => format!("series, {}", line.name),
        Form::Module => format!("module, {}", line.name),
    };
    let mut table = vec![vec!["soak".to_owned()]];
    table[0].extend(columns.iter().map(title));
    let shown = |soak: &SavedSoak| match (is_current(soak), soak.form) {
        (true, _) => amount(soak),
        (false, Form::Series) => amount(soak) + ", on an earlier tree",
        (false, Form::Module) => amount(soak) + ", with an earlier source",
    };
    let find = |line: &str, form: Form, words: &[&str]| {
        let is_it = |soak: &&SavedSoak| {
            (soak.line.as_str(), soak.form) == (line, form) && soak.configuration == words
        };
        soaks.iter().find(is_it)
    };
    for expected in &EXPECTED {
        let mut row = vec![expected.name.to_owned()];
        row.extend(
            columns
                .iter()
                .map(|&(form, line)| match expected.of(line.name, form) {
                    Ok(words) => find(line.name, form, &words).map_or("not yet".into(), shown),
                    Err(why) => why.into(),
                }),
        );
        table.push(row);
    }
    table
}

fn expected(soak: &SavedSoak) -> Option<&'static Configuration> {
    let is_it = |it: &&Configuration| {
        it.of(&soak.line, soak.form)
            .is_ok_and(|words| soak.configuration == words)
    };
    EXPECTED.iter().find(is_it)
}

fn name(soak: &SavedSoak) -> String {
    match expected(soak) {
        Some(it) if soak.line == "7.3" => it.name.replace("; on 7.3", ","),
        Some(it) => it.name.split("; on 7.3").next().unwrap_or_default().into(),
        None if soak.configuration.is_empty() => "built here".into(),
        None => soak.configuration.join(", "),
    }
}

fn amount(soak: &SavedSoak) -> String {
    let guests = match soak.guests {
        1 => "1 guest".into(),
        guests => format!("{guests} guests"),
    };
    format!(
        "{} minutes in {guests}, {} operations",
        (soak.minutes * 10.0).round() / 10.0,
        grouped(soak.all_operations())
    )
}

/// Groups the digits of a number: "1,240,000".
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use measure::sample;

    fn soak(form: Form, line: &str, words: &[&str]) -> SavedSoak {
        SavedSoak {
            form,
            line: line.into(),
            configuration: words.iter().map(|&word| word.to_owned()).collect(),
            ..sample::soak()
        }
    }

    #[test]
    fn a_list_for_the_cover_letter() {
        let ubsan = soak(Form::Series, "6.12", &["kmemleak", "nohz-full", "ubsan"]);
        assert_eq!(
            list(&[sample::soak(), ubsan]),
            " - default configuration: 20 minutes in 6 guests, 1,240,000 operations\n   \
             (2026-11-28)\n \
             - UBSAN, kmemleak, NO_HZ_FULL: 20 minutes in 6 guests, 1,240,000\n   \
             operations (2026-11-28)"
        );
        assert_eq!(list(&[]), " - none yet");
    }

    #[test]
    fn each_soak_is_in_its_cell_and_the_rest_is_not_yet() {
        let soaks = [
            soak(Form::Series, "7.3", &[]),
            soak(Form::Module, "6.12", &[STOCK]),
            soak(Form::Series, "6.12", &["kmemleak", "nohz-full", "ubsan"]),
        ];
        let table = table(&soaks, |soak| soak.line != "6.12");
        let at = |row: &str, column: usize| {
            let cells = table.iter().find(|cells| cells[0].starts_with(row));
            cells.unwrap_or_else(|| panic!("no {row}"))[column].as_str()
        };
        let amount = "20 minutes in 6 guests, 1,240,000 operations";
        assert_eq!(at("soak", 3), "module, 7.3");
        assert_eq!(at("default configuration", 1), amount);
        assert_eq!(at("default configuration", 2), "not yet");
        assert_eq!(at("default configuration", 3), "not yet");
        assert_eq!(
            at("default configuration", 4),
            format!("{amount}, with an earlier source")
        );
        assert_eq!(at("UBSAN", 1), "not yet");
        assert!(at("UBSAN", 2).starts_with(amount));
        assert_eq!(at("PREEMPT_RT", 3), "not supported");
    }

    #[test]
    fn words_are_sorted_as_saved_ones_are() {
        assert!(EXPECTED.iter().all(|it| it.words.is_sorted()));
    }
}
