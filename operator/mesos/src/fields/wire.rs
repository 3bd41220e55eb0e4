//! Looks for required fields in the protobuf form of a message.
//!
//! prost gives a field that is missing its default and does not say so; Mesos refuses the message.

use prost::bytes::Buf;
use prost::encoding::{WireType, decode_key, decode_varint};

use super::Field;

/// How deep messages may be nested; prost has the same limit.
const MAXIMUM_DEPTH: u32 = 100;

/// The required fields that are missing, or nothing if there are none. The bytes are those of a
/// message that can be decoded; of others the answer means nothing.
pub fn missing_fields(bytes: &[u8], fields: &'static [Field]) -> Option<String> {
    let mut missing = Vec::new();
    look(bytes, fields, "", MAXIMUM_DEPTH, &mut missing);
    (!missing.is_empty()).then(|| missing.join(", "))
}

fn look(
    mut bytes: &[u8],
    fields: &'static [Field],
    path: &str,
    depth: u32,
    missing: &mut Vec<String>,
) -> Option<()> {
    let mut seen = vec![false; fields.len()];
    while bytes.has_remaining() {
        let (tag, wire_type) = decode_key(&mut bytes).ok()?;
        let payload = payload(wire_type, &mut bytes)?;
        let Some(index) = fields.iter().position(|field| field.tag == tag) else { continue };
        seen[index] = true;
        let field = &fields[index];
        if let Some(nested) = field.nested
            && depth > 0
            && wire_type == WireType::LengthDelimited
        {
            let below = format!("{path}{}.", field.name);
            if field.map {
                look_into_entry(payload, nested(), &below, depth - 1, missing)?;
            } else {
                look(payload, nested(), &below, depth - 1, missing)?;
            }
        }
    }
    let of_these = fields.iter().zip(seen).filter(|(field, seen)| field.required && !seen);
    missing.extend(of_these.map(|(field, _)| format!("{path}{}", field.name)));
    Some(())
}

/// A map's entry is a message whose second field is the value. Without it, the value is a default.
fn look_into_entry(
    mut entry: &[u8],
    fields: &'static [Field],
    path: &str,
    depth: u32,
    missing: &mut Vec<String>,
) -> Option<()> {
    let mut value: &[u8] = &[];
    while entry.has_remaining() {
        let (tag, wire_type) = decode_key(&mut entry).ok()?;
        let payload = payload(wire_type, &mut entry)?;
        if tag == 2 {
            value = payload;
        }
    }
    look(value, fields, path, depth, missing)
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
