//! The table of figures.

/// Rows of figure, value, aim, baseline and ratio.
#[derive(Default)]
pub struct Table {
    rows: Vec<[String; 5]>,
}

impl Table {
    /// A figure that has no baseline.
    pub fn figure(&mut self, name: &str, value: String, aim: &str) {
        println!("{name}: {value} (aim: {aim})");
        self.rows.push([name.into(), value, aim.into(), String::new(), String::new()]);
    }

    /// A figure beside the same of the baseline.
    pub fn compare(&mut self, name: &str, value: f64, baseline: f64, unit: &str, aim: &str) {
        let ratio = if baseline > 0.0 { format!("{:.2}", value / baseline) } else { "-".into() };
        println!("{name}: {value:.3} {unit} (aim: {aim}; baseline {baseline:.3} {unit}; ratio {ratio})");
        self.rows.push([name.into(), format!("{value:.3} {unit}"), aim.into(), format!("{baseline:.3} {unit}"), ratio]);
    }

    /// Prints all of it as a Markdown table.
    pub fn print(&self) {
        println!("\n| figure | reached | aim | baseline | ratio |\n| --- | --- | --- | --- | --- |");
        for row in &self.rows {
            println!("| {} |", row.join(" | "));
        }
    }
}
