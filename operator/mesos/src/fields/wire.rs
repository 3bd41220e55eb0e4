//! Looks for required fields in the protobuf form of a message.
//!
//! prost gives a field that is missing its default and does not say so; Mesos refuses the message.

use prost::bytes::Buf;
use prost::encoding::{WireType, decode_key, decode_varint};

use super::Field;

/// How deep messages may be nested; prost has the same limit.
const MAXIMUM_DEPTH: u32 = 100;

/// The most missing fields that are named.
const MOST_NAMED: usize = 100;

/// The most messages, with the texts and numbers of lists, that are counted.
pub const MOST_MESSAGES: usize = 1 << 19;

/// What a message holds, by its bytes.
#[derive(Debug, Default)]
pub struct Survey {
    /// The required fields that are missing, or the first hundred of them.
    pub missing: Vec<String>,
    /// How many messages are in it, with itself, and how many texts and numbers come after others of their
    /// lists: an empty text has two bytes, and 24 once decoded. One more than [`MOST_MESSAGES`] if they are more.
    pub messages: usize,
}

/// What a message holds that is not decoded yet. If it cannot be decoded, what comes before the mistake.
pub fn survey(bytes: &[u8], fields: &'static [Field]) -> Survey {
    let mut survey = Survey::default();
    survey.look(bytes, fields, "", MAXIMUM_DEPTH);
    survey
}

impl Survey {
    /// Counts one more, unless they are too many.
    fn count(&mut self) -> Option<()> {
        self.messages += 1;
        (self.messages <= MOST_MESSAGES).then_some(())
    }

    fn look(
        &mut self,
        mut bytes: &[u8],
        fields: &'static [Field],
        path: &str,
        depth: u32,
    ) -> Option<()> {
        self.count()?;
        let mut seen = vec![false; fields.len()];
        while bytes.has_remaining() {
            let (tag, wire_type) = decode_key(&mut bytes).ok()?;
            let payload = payload(wire_type, &mut bytes)?;
            let Some(index) = fields.iter().position(|field| field.tag == tag) else { continue };
            let is_of_list = std::mem::replace(&mut seen[index], true);
            let field = &fields[index];
            if let Some(nested) = field.nested
                && depth > 0
                && wire_type == WireType::LengthDelimited
            {
                let below = format!("{path}{}.", field.name);
                if field.map {
                    self.look_into_entry(payload, nested(), &below, depth - 1)?;
                } else {
                    self.look(payload, nested(), &below, depth - 1)?;
                }
            } else if is_of_list {
                self.count()?;
            }
        }
        let of_these = fields.iter().zip(seen).filter(|(field, seen)| field.required && !seen);
        let room = MOST_NAMED.saturating_sub(self.missing.len());
        self.missing.extend(of_these.take(room).map(|(field, _)| format!("{path}{}", field.name)));
        Some(())
    }

    /// A map's entry is a message whose second field is the value. Without it, the value is a default.
    fn look_into_entry(
        &mut self,
        mut entry: &[u8],
        fields: &'static [Field],
        path: &str,
        depth: u32,
    ) -> Option<()> {
        let mut value: &[u8] = &[];
        while entry.has_remaining() {
            let (tag, wire_type) = decode_key(&mut entry).ok()?;
            let payload = payload(wire_type, &mut entry)?;
            if tag == 2 {
                value = payload;
            }
        }
        self.look(value, fields, path, depth)
    }
}

/// Cuts off what belongs to a key; of what has a length, the contents.
fn payload<'a>(wire_type: WireType, bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = match wire_type {
        WireType::Varint => {
            decode_varint(bytes).ok()?;
            0
        }
        WireType::SixtyFourBit => 8,
        WireType::ThirtyTwoBit => 4,
        WireType::LengthDelimited => usize::try_from(decode_varint(bytes).ok()?).ok()?,
        // Mesos has no groups.
        WireType::StartGroup | WireType::EndGroup => return None,
    };
    let (payload, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(payload)
}
