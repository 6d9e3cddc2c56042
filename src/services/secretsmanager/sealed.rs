//! Values that must not appear in logs: their `Debug` says only that something is there.

use base64::Engine;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::sync::Arc;

/// A secret value as stored: shared, never copied.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// `SecretString`.
    Text(Arc<str>),
    /// `SecretBinary`.
    Bytes(Arc<[u8]>),
}

impl Value {
    /// Bytes of the value.
    pub fn len(&self) -> usize {
        match self {
            Value::Text(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
        }
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// `SecretString` on the wire.
#[derive(Clone, PartialEq, Eq)]
pub struct Text(pub Arc<str>);

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The decoder's own words would quote a value of another type.
        let text = String::deserialize(deserializer);
        let text = text.map_err(|_| serde::de::Error::custom("a secret value is not a string"))?;
        Ok(Text(text.into()))
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// `SecretBinary` on the wire: base64 text.
#[derive(Clone, PartialEq, Eq)]
pub struct Blob(pub Arc<[u8]>);

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer);
        let text = text.map_err(|_| serde::de::Error::custom("a blob is not a string"))?;
        let decoded = base64::engine::general_purpose::STANDARD.decode(text.as_bytes());
        // The decoder's own words would quote a byte of the value.
        let bytes = decoded.map_err(|_| serde::de::Error::custom("a blob is not valid base64"))?;
        Ok(Blob(bytes.into()))
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&base64::engine::general_purpose::STANDARD.encode(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_value_is_printed() {
        let value = Value::Text("hunter2".into());
        let shown = format!("{value:?} {:?} {:?}", Text("hunter2".into()), Blob([7; 3].into()));
        assert_eq!(shown, "[redacted] [redacted] [redacted]");
        let bad = serde_json::from_str::<Blob>("\"hunter2!\"").unwrap_err().to_string();
        assert!(!bad.contains("hunter"), "{bad}");
        for json in ["31337", "[\"hunter2\"]", "{\"hunter2\":1}", "true", "31337.5"] {
            let text = serde_json::from_str::<Text>(json).unwrap_err().to_string();
            let blob = serde_json::from_str::<Blob>(json).unwrap_err().to_string();
            for told in [text, blob] {
                assert!(!["31337", "hunter2", "true"].iter().any(|v| told.contains(v)), "{told}");
            }
        }
    }
}
