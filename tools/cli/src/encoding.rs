//! [`Encoding`]: bytes as text that other programs read: hexadecimal, Base64, or the UTF-8 text that the bytes are.
//!
//! Where it stands: `get` and `scan` print by it when asked; JSON lines hold keys and values in it. Invariants: decoding what was
//! encoded gives the same bytes, and bytes that an encoding cannot hold are an error, never a replacement character.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Two digits a byte.
    Hex,
    /// RFC 4648 with padding.
    Base64,
    /// As they are; they must be UTF-8.
    Utf8,
}

impl Encoding {
    /// All of them.
    pub const ALL: [Encoding; 3] = [Encoding::Hex, Encoding::Base64, Encoding::Utf8];

    /// The name, as in the option `--NAME`.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Hex => "hex",
            Encoding::Base64 => "base64",
            Encoding::Utf8 => "utf8",
        }
    }

    /// The encoding called `name`.
    pub fn parse(name: &str) -> Option<Encoding> {
        Encoding::ALL.into_iter().find(|encoding| encoding.name() == name)
    }

    /// Appends `bytes` to `out`; an error says why they cannot be written so, and changes nothing.
    pub fn encode(self, bytes: &[u8], out: &mut String) -> Result<(), String> {
        match self {
            Encoding::Hex => bytes.iter().for_each(|byte| {
                out.extend([byte >> 4, byte & 15].iter().filter_map(|digit| char::from_digit(u32::from(*digit), 16)));
            }),
            Encoding::Base64 => STANDARD.encode_string(bytes, out),
            Encoding::Utf8 => {
                let text = std::str::from_utf8(bytes).map_err(|e| {
                    format!("byte {} is not UTF-8 text; --hex and --base64 write any bytes", e.valid_up_to() + 1)
                })?;
                out.push_str(text);
            }
        }
        Ok(())
    }

    /// The bytes that `text` stands for; an error says what is wrong with it.
    pub fn decode(self, text: String) -> Result<Vec<u8>, String> {
        match self {
            Encoding::Hex => {
                let pair = |pair: &[u8]| {
                    let digit = |at: usize| pair.get(at).and_then(|digit| char::from(*digit).to_digit(16));
                    Some((digit(0)? << 4 | digit(1)?) as u8)
                };
                let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(pair).collect();
                bytes.ok_or_else(|| "not pairs of hexadecimal digits".to_owned())
            }
            Encoding::Base64 => STANDARD.decode(text).map_err(|e| format!("not Base64: {e}")),
            Encoding::Utf8 => Ok(text.into_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encoded_comes_back_or_is_refused() {
        let all: Vec<u8> = (0..=255).collect();
        for encoding in Encoding::ALL {
            assert_eq!(Encoding::parse(encoding.name()), Some(encoding));
            for bytes in [&b""[..], b"k", b"\0\t\n\"\\", "→😀\u{2028}".as_bytes(), b"\xff", b"ok\xf0\x9f", &all] {
                let mut text = "before".to_owned();
                match encoding.encode(bytes, &mut text) {
                    Ok(()) => assert_eq!(encoding.decode(text.split_off(6)).as_deref(), Ok(bytes), "{encoding:?}"),
                    Err(why) => {
                        assert!(
                            encoding == Encoding::Utf8 && std::str::from_utf8(bytes).is_err(),
                            "{encoding:?}: {why}"
                        );
                        assert_eq!(text, "before");
                    }
                }
            }
        }
        let encoded = |encoding: Encoding| {
            let mut text = String::new();
            encoding.encode(b"\x0f\xa0k", &mut text).map(|()| text)
        };
        assert_eq!(encoded(Encoding::Hex).as_deref(), Ok("0fa06b"));
        assert_eq!(encoded(Encoding::Base64).as_deref(), Ok("D6Br"));
        assert_eq!(encoded(Encoding::Utf8).unwrap_err().split(';').next(), Some("byte 2 is not UTF-8 text"));
        assert_eq!(Encoding::parse("base32"), None);
    }

    #[test]
    fn text_that_makes_no_sense_is_refused() {
        for text in ["0", "0g", "000", " 00", "+1", "é"] {
            assert!(Encoding::Hex.decode(text.to_owned()).is_err(), "{text}");
        }
        for text in ["A", "AA", "AB==", "A===", "AA=A", "AAA-", "AAAA\n", "é"] {
            assert!(Encoding::Base64.decode(text.to_owned()).is_err(), "{text}");
        }
        assert_eq!(Encoding::Hex.decode("fF".to_owned()).as_deref(), Ok(&[255][..]));
    }
}
