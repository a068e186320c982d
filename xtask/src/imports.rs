//! Short names for what a WebAssembly module imports from its glue. Those of wasm-bindgen end in a hash, twice in what every visitor loads.

use crate::step::Result;

/// Replaces the names of the functions that the glue defines as `NAME: function(`, in the module and in the glue.
pub fn shorten(module: &[u8], glue: &str) -> Result<(Vec<u8>, String)> {
    let mut rest = module.get(8..).ok_or("the module is cut off")?;
    let mut short = module[..8].to_vec();
    let mut glue = glue.to_owned();
    while let Some((&id, after)) = rest.split_first() {
        let (content, after) = bytes(after)?;
        let renamed = if id == IMPORTS { Some(rename(content, &mut glue)?) } else { None };
        short.push(id);
        write_bytes(&mut short, renamed.as_deref().unwrap_or(content));
        rest = after;
    }
    Ok((short, glue))
}

/// The id of the section of imports.
const IMPORTS: u8 = 2;
/// The kind of an import that is a function.
const FUNCTION: u8 = 0;

/// Renames the imports of a section. What comes after its functions is taken as it is: wasm-bindgen's glue defines nothing else.
fn rename(section: &[u8], glue: &mut String) -> Result<Vec<u8>> {
    let (count, mut rest) = number(section)?;
    let mut renamed = Vec::with_capacity(section.len());
    write_number(&mut renamed, count);
    for n in 0..count {
        let (from, after) = bytes(rest)?;
        let (name, after) = bytes(after)?;
        let Some((&FUNCTION, kind)) = after.split_first() else { break };
        let (kind, after) = number(kind)?;
        let (name, short) = (String::from_utf8_lossy(name), format!("i{n}"));
        let (old, new) = (format!(" {name}: function("), format!(" {short}: function("));
        let is_glue = glue.matches(&old).count() == 1;
        if is_glue {
            *glue = glue.replacen(&old, &new, 1);
        }
        write_bytes(&mut renamed, from);
        write_bytes(&mut renamed, if is_glue { short.as_bytes() } else { name.as_bytes() });
        renamed.push(FUNCTION);
        write_number(&mut renamed, kind);
        rest = after;
    }
    renamed.extend_from_slice(rest);
    Ok(renamed)
}

/// Reads a number (LEB128).
fn number(text: &[u8]) -> Result<(u64, &[u8])> {
    let end = text.iter().take(10).position(|byte| byte & 0x80 == 0).ok_or("a number in the module is cut off")?;
    let value = text[..=end].iter().rev().fold(0, |value, byte| (value << 7) | u64::from(byte & 0x7f));
    Ok((value, &text[end + 1..]))
}

/// Reads bytes after their count.
fn bytes(text: &[u8]) -> Result<(&[u8], &[u8])> {
    let (length, rest) = number(text)?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    rest.split_at_checked(length).ok_or_else(|| "the module is cut off".to_owned())
}

fn write_number(to: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

fn write_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    write_number(to, bytes.len() as u64);
    to.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::{shorten, write_bytes};

    #[test]
    fn functions_of_the_glue_get_short_names_and_others_keep_theirs() {
        let module = |names: [&str; 2]| {
            let mut imports = vec![2];
            for name in names {
                write_bytes(&mut imports, b"./glue.js");
                write_bytes(&mut imports, name.as_bytes());
                imports.extend([0, 7]);
            }
            let mut module = b"\0asm\x01\0\0\0\x02".to_vec();
            write_bytes(&mut module, &imports);
            module.extend([11, 1, 0]);
            module
        };
        let (short, glue) =
            shorten(&module(["__wbg_log_0123456789abcdef", "load"]), "{ __wbg_log_0123456789abcdef: function(a) {} }").unwrap();
        assert_eq!((short, glue.as_str()), (module(["i0", "load"]), "{ i0: function(a) {} }"));
    }
}
