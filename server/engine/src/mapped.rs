//! The pages of the program's file and of its libraries, which are only shown in memory and can be had again at any time.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::ops::Range;

use rustix::mm::{Advice, madvise};

/// Lets go of the pages of files that are mapped read-only, so that afterwards only what is really used comes back.
///
/// The kernel maps sixteen pages around each one that is touched, and much of the code is for the start alone: half of what
/// was resident of Pilothouse were such pages. They stay in the kernel's cache of files, so one that is used again costs a small
/// fault and no reading; the kernel may give that memory to others, and sees better which of it nobody uses. May be called by any
/// thread at any time. Does nothing where the kernel doesn't say what is in a mapping; takes about a millisecond.
pub fn let_go() {
    let Ok(smaps) = File::open("/proc/self/smaps") else { return };
    // Read to its end first: it speaks of a mapping at a time, and must not see what is changed here.
    let Ok(mappings) = of_files(BufReader::new(smaps)) else { return };
    for range in mappings {
        let start = std::ptr::without_provenance_mut(range.start);
        #[expect(unsafe_code, reason = "what it does to memory can't be said in types")]
        // SAFETY: the range is one mapping of a file that can't be written to and has no page of its own, in memory or swapped out,
        // so every page reads the same when the kernel shows it again: nothing that was written, such as relocations, is lost.
        let let_go = unsafe { madvise(start, range.len(), Advice::LinuxDontNeed) };
        // A failure, such as of memory that is locked, only leaves pages where they are.
        let _ = let_go;
    }
}

/// The mappings in this `/proc/PID/smaps` of which no page is lost when it is let go: private, never written to at the moment, and
/// with the file's own content everywhere. The linker's tables have been written to before they were protected, so they aren't among them.
fn of_files(smaps: impl BufRead) -> io::Result<Vec<Range<usize>>> {
    let mut found = Vec::new();
    let mut mapping = None;
    let mut is_in_memory_clean = false;
    for line in smaps.lines() {
        let line = line?;
        let mut words = line.split_ascii_whitespace();
        match words.next().unwrap_or_default() {
            "Anonymous:" => is_in_memory_clean = words.next() == Some("0"),
            // Follows it. What is swapped out doesn't count as anonymous.
            "Swap:" if is_in_memory_clean && words.next() == Some("0") => found.extend(mapping.take()),
            field if field.ends_with(':') => {}
            range => {
                is_in_memory_clean = false;
                mapping = file_range(range, words);
            }
        }
    }
    Ok(found)
}

/// The range of a mapping, given what follows it in its first line, when it shows a file that can't be written to through it.
fn file_range<'a>(range: &str, mut words: impl Iterator<Item = &'a str>) -> Option<Range<usize>> {
    let (rights, _offset, _device, inode) = (words.next()?, words.next()?, words.next()?, words.next()?);
    if !matches!(rights, "r--p" | "r-xp") || inode == "0" {
        return None;
    }
    let (start, end) = range.split_once('-')?;
    Some(usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?)
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    const PAGE: usize = 4096;

    /// Of the program's file, and large enough to be told from what other tests touch meanwhile.
    static BALLAST: [u8; 8 << 20] = [7; 8 << 20];

    /// Kilobytes that are resident of the mapping with this address.
    fn resident(address: usize) -> usize {
        let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut is_it = false;
        for line in smaps.lines() {
            let mut words = line.split_ascii_whitespace();
            let first = words.next().unwrap();
            if let Some((start, end)) = first.split_once('-').filter(|_| !first.ends_with(':')) {
                let place = |text| usize::from_str_radix(text, 16).unwrap();
                is_it = (place(start)..place(end)).contains(&address);
            } else if is_it && first == "Rss:" {
                return words.next().unwrap().parse().unwrap();
            }
        }
        panic!("nothing is mapped there");
    }

    fn sum() -> usize {
        black_box(&BALLAST).iter().step_by(PAGE).map(|byte| usize::from(*byte)).sum()
    }

    #[test]
    fn what_the_program_does_not_use_is_no_longer_resident_and_comes_back_unchanged() {
        let all = sum();
        let address = BALLAST.as_ptr().addr();
        let before = resident(address);
        assert!(before >= 8 << 10, "{before} kB of 8 MB that were read");
        let_go();
        let after = resident(address);
        assert!(after + (4 << 10) <= before, "{after} kB of {before}");
        assert_eq!(sum(), all);
    }

    #[test]
    fn only_what_shows_nothing_but_a_file_is_let_go() {
        let cases = [
            ("1000-2000 r-xp 00001000 fe:00 77                         /usr/bin/pilothouse", 0, 0, true),
            ("1000-2000 r--p 00000000 fe:00 77                         /usr/bin/pilothouse (deleted)", 0, 0, true),
            // Written to by the linker before it was protected; then swapped out, in part and wholly.
            ("1000-2000 r--p 00002000 fe:00 77                         /usr/bin/pilothouse", 764, 0, false),
            ("1000-2000 r--p 00002000 fe:00 77                         /usr/bin/pilothouse", 4, 760, false),
            ("1000-2000 r--p 00002000 fe:00 77                         /usr/bin/pilothouse", 0, 764, false),
            ("1000-2000 rw-p 00002000 fe:00 77                         /usr/bin/pilothouse", 0, 0, false),
            ("1000-2000 rw-s 00000000 fe:00 78                         /var/lib/pilothouse/pilothouse.db-shm", 0, 0, false),
            ("1000-2000 r--s 00000000 fe:00 78                         /var/lib/pilothouse/pilothouse.db", 0, 0, false),
            ("1000-2000 ---p 00000000 fe:00 77                         /usr/lib/libc.so.6", 0, 0, false),
            ("1000-2000 rw-p 00000000 00:00 0                          [heap]", 0, 0, false),
            ("1000-2000 r--p 00000000 00:00 0", 0, 0, false),
            ("1000-2000 r-xp 00000000 00:00 0                          [vdso]", 0, 0, false),
        ];
        for (first, anonymous, swap, is_let_go) in cases {
            let text = format!(
                "{first}\nSize:                  4 kB\nRss:                   4 kB\nAnonymous:      {anonymous:8} kB\nKSM:                   0 kB\n\
                 Swap:           {swap:8} kB\nSwapPss:               0 kB\nVmFlags: rd ex mr mw me\n"
            );
            let found = of_files(text.as_bytes()).unwrap();
            let expected: Option<Range<usize>> = is_let_go.then_some(0x1000..0x2000);
            assert!(found.iter().eq(&expected), "{found:?} of {text}");
        }
    }

    #[test]
    fn a_mapping_that_is_not_told_in_full_stays() {
        let first = "1000-2000 r-xp 00001000 fe:00 77 /usr/bin/pilothouse\n";
        for rest in
            ["", "Rss: 4 kB\n", "Anonymous: 0 kB\n", "Swap: 0 kB\n", "Anonymous: 0 kB\n3000-4000 rw-p 00000000 00:00 0\nSwap: 0 kB\n"]
        {
            assert!(of_files(format!("{first}{rest}").as_bytes()).unwrap().is_empty(), "{rest}");
        }
    }
}
