//! Enumerations that are one word each on the wire.

use std::fmt;

use serde::Deserializer;
use serde::de::{Error, Visitor};

/// The place of the word that is read among those that `word` names from 0 on, until it names none. Fails as what serde derives does, with all of
/// them.
pub fn read_place<'de, D: Deserializer<'de>>(deserializer: D, word: fn(usize) -> Option<&'static str>) -> Result<usize, D::Error> {
    deserializer.deserialize_str(Words(word))
}

/// Implements `Deserialize` for an enumeration with `ALL` and `as_str`. What serde derives is a kilobyte and more of code for each of them, which
/// every visitor would have to fetch.
#[macro_export]
macro_rules! read_as_word {
    ($name:ty) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                $crate::read_place(deserializer, |at| <$name>::ALL.get(at).map(|one| one.as_str())).map(|at| <$name>::ALL[at])
            }
        }
    };
}

/// Declares enumerations of one word each: variant, text, and the words that people see.
macro_rules! words {
    ($(#[$doc:meta])* $type:ident { $($(#[$of:meta])* $name:ident = $text:literal, $label:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum $type {
            $($(#[$of])* #[serde(rename = $text)] $name,)+
        }

        $crate::read_as_word!($type);

        impl $type {
            /// Every one, in order.
            pub const ALL: &[$type] = &[$($type::$name),+];

            /// The text on the wire and in the store.
            pub const fn as_str(self) -> &'static str {
                match self { $($type::$name => $text),+ }
            }

            /// The words that people see.
            pub const fn label(self) -> &'static str {
                match self { $($type::$name => $label),+ }
            }

            /// The one of that text.
            pub fn named(text: &str) -> Option<Self> {
                $type::ALL.iter().copied().find(|one| one.as_str() == text)
            }
        }
    };
}

pub(crate) use words;

#[derive(Clone, Copy)]
struct Words(fn(usize) -> Option<&'static str>);

impl Words {
    fn all(self) -> impl Iterator<Item = &'static str> {
        (0..).map_while(self.0)
    }
}

impl Visitor<'_> for Words {
    type Value = usize;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a word")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<usize, E> {
        self.all().position(|word| word == text).ok_or_else(|| {
            let all: Vec<_> = self.all().map(|word| ["`", word, "`"].concat()).collect();
            E::custom(["unknown variant `", text, "`, expected one of ", &all.join(", ")].concat())
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::{ErrorCode, EventKind, Health, Role, Status};

    #[test]
    fn words_are_read_as_they_are_written() {
        fn each<T: Copy + PartialEq + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned>(all: &[T]) {
            for one in all {
                let text = serde_json::to_string(one).unwrap();
                assert_eq!(serde_json::from_str::<T>(&text).unwrap(), *one);
                assert_eq!(serde_json::from_value::<T>(serde_json::to_value(one).unwrap()).unwrap(), *one);
            }
            let error = serde_json::from_str::<T>("\"nothing\"").unwrap_err().to_string();
            assert!(error.starts_with("unknown variant `nothing`, expected one of `"), "{error}");
            assert!(serde_json::from_str::<T>("1").is_err());
        }
        each(ErrorCode::ALL);
        each(EventKind::ALL);
        each(Health::ALL);
        each(Status::ALL);
        each(&Role::ALL);
    }
}
