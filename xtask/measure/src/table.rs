// SPDX-License-Identifier: GPL-2.0
//! Formats all tables: Markdown for pages and terminals, plain columns for mails. The first row is
//! the head.

use std::fmt::Write as _;

pub fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

/// Returns a Markdown table with aligned columns: names to the left, figures to the right.
pub fn render(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            let _ = match column {
                0 => write!(text, "| {cell:<width$} "),
                _ => write!(text, "| {cell:>width$} "),
            };
        }
        text.push_str("|\n");
        if index == 0 {
            for (column, width) in widths.iter().enumerate() {
                let line = "-".repeat(width + 1);
                let end = if column == 0 { "-" } else { ":" };
                let _ = write!(text, "|{line}{end}");
            }
            text.push_str("|\n");
        }
    }
    text
}

/// Returns aligned columns, without spaces at the end of a line.
pub fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let widest = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(widest).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        cells.join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let text = render(&[row(["", "rate"]), row(["udp", "12345"])]);
        assert_eq!(text, "|     |  rate |\n|-----|------:|\n| udp | 12345 |\n");
        let text = aligned(&[row(["", "rate"]), row(["udp", ""])]);
        assert_eq!(text, "     rate\nudp\n");
    }
}
