//! Finding what is meant by few letters.

/// How well `words` fits `text`: every word has to be in it, letter by letter in order. Higher is better; none when it doesn't fit.
pub fn fit(words: &str, text: &str) -> Option<i32> {
    let text = text.to_lowercase().chars().collect::<Vec<_>>();
    let words = words.to_lowercase();
    words.split_whitespace().map(|word| fit_word(word, &text)).sum::<Option<i32>>().map(|score| score - text.len() as i32 / 4)
}

/// The best place for the letters of `word`: beginnings of words and letters side by side count most.
fn fit_word(word: &str, text: &[char]) -> Option<i32> {
    let letters = word.chars().collect::<Vec<_>>();
    let first = *letters.first()?;
    let starts = text.iter().enumerate().filter(|(_, letter)| **letter == first).map(|(at, _)| at);
    starts.filter_map(|start| fit_from(&letters, text, start)).max()
}

fn fit_from(letters: &[char], text: &[char], start: usize) -> Option<i32> {
    let (mut score, mut last) = (0, None::<usize>);
    for letter in letters {
        let from = last.map_or(start, |last| last + 1);
        let at = from + text.get(from..)?.iter().position(|one| one == letter)?;
        let begins_word = at == 0 || !text[at - 1].is_alphanumeric();
        let follows = last.is_some_and(|last| last + 1 == at);
        score += 1 + if begins_word { 8 } else { 0 } + if follows { 5 } else { 0 };
        last = Some(at);
    }
    Some(score)
}

#[cfg(test)]
mod tests {
    use super::fit;

    fn best<'a>(words: &str, texts: &[&'a str]) -> &'a str {
        texts.iter().filter_map(|text| Some((fit(words, text)?, *text))).max_by_key(|(score, _)| *score).map_or("", |(_, text)| text)
    }

    #[test]
    fn few_letters_find_what_is_meant() {
        let texts = ["Services", "Restart orders", "Stop orders", "orders", "orders logs", "Start payments", "stop-orders-worker"];
        assert_eq!(best("ro", &texts), "Restart orders");
        assert_eq!(best("ord", &texts), "orders");
        assert_eq!(best("stop ord", &texts), "Stop orders");
        assert_eq!(best("ord log", &texts), "orders logs");
        assert_eq!(best("pay", &texts), "Start payments");
        assert_eq!(best("xyz", &texts), "");
    }

    #[test]
    fn nothing_asked_fits_everything() {
        assert!(fit("", "anything").is_some() && fit("  ", "").is_some());
    }
}
