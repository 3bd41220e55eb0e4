//! Both encodings of our messages against a second implementation, which knows messages only by Mesos's own
//! descriptors: those in the jar of its Java bindings.

use std::collections::BTreeSet;

use proffer_mesos::{Described, Field, Message, executor, from_json, scheduler, to_json};
use proffer_test_harness::{Test, tests};
use prost_reflect::prost::Message as _;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor,
    SerializeOptions, Value,
};

use super::bindings::{LAST_VERSION, MesosJars};
use super::program;

pub(crate) fn tests() -> Vec<Test> {
    tests![both_encodings_are_those_of_mesos, fields_that_are_not_read_are_known]
}

/// How many messages of each kind are compared.
const MESSAGES: u64 = 300;

/// How deep made messages nest. One of the longest paths is that to a label of a volume's image.
const DEPTH: usize = 8;

/// Mesos's own descriptors.
fn descriptors(jars: &MesosJars) -> DescriptorPool {
    let output = program(&jars.of(LAST_VERSION), "Descriptors", &[]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    DescriptorPool::decode(&*output.stdout).unwrap()
}

fn message(pool: &DescriptorPool, name: &str) -> MessageDescriptor {
    pool.get_message_by_name(name).unwrap_or_else(|| panic!("there is no {name}"))
}

/// Makes messages that have something in about every second field which we read.
struct Maker(u64);

impl Maker {
    /// Numbers by splitmix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.next() % of.len() as u64).unwrap()].clone()
    }

    fn make(
        &mut self,
        descriptor: &MessageDescriptor,
        fields: &[Field],
        depth: usize,
    ) -> DynamicMessage {
        let mut made = DynamicMessage::new(descriptor.clone());
        for field in fields {
            let described = descriptor.get_field(field.tag).unwrap();
            let is_needed = described.cardinality() == prost_reflect::Cardinality::Required;
            let deeper = field.nested.is_some() && depth == 0;
            if is_needed || (!deeper && self.next().is_multiple_of(2)) {
                let value = self.field(&described, field, depth);
                made.set_field(&described, value);
            }
        }
        made
    }

    fn field(&mut self, described: &FieldDescriptor, field: &Field, depth: usize) -> Value {
        if described.is_map() {
            let Kind::Message(entry) = described.kind() else { panic!("a map has entries") };
            let value = self.one(&entry.map_entry_value_field().kind(), field, depth);
            return Value::Map([(MapKey::String("key".to_owned()), value)].into());
        }
        if described.is_list() {
            let count = self.next() % 3;
            let one = |_| self.one(&described.kind(), field, depth);
            return Value::List((0..count).map(one).collect());
        }
        self.one(&described.kind(), field, depth)
    }

    fn one(&mut self, kind: &Kind, field: &Field, depth: usize) -> Value {
        match kind {
            Kind::Bool => Value::Bool(self.next().is_multiple_of(2)),
            Kind::Int32 => Value::I32(self.pick(&[0, 1, -1, i32::MIN, i32::MAX])),
            Kind::Uint32 => Value::U32(self.pick(&[0, 1, u32::MAX])),
            Kind::Int64 => Value::I64(self.pick(&[0, 1, -1, i64::MIN, i64::MAX])),
            Kind::Uint64 => Value::U64(self.pick(&[0, 1, u64::MAX])),
            Kind::Double => Value::F64(self.pick(&[
                0.0,
                0.1,
                -2.5,
                1.7e9,
                f64::MAX,
                f64::MIN_POSITIVE,
                f64::INFINITY,
                f64::NEG_INFINITY,
            ])),
            Kind::String => Value::String(
                self.pick(&["", "plain", "ä\n\"\\😀\u{7f}\u{2028}", "</script>"]).into(),
            ),
            Kind::Bytes => {
                let bytes: Vec<u8> =
                    (0..self.next() % 5).map(|_| self.next().to_le_bytes()[0]).collect();
                Value::Bytes(bytes.into())
            }
            Kind::Enum(values) => {
                let numbers: Vec<i32> = values.values().map(|value| value.number()).collect();
                Value::EnumNumber(self.pick(&numbers))
            }
            Kind::Message(descriptor) => {
                let nested = field.nested.expect("we know what is in it")();
                Value::Message(self.make(descriptor, nested, depth.saturating_sub(1)))
            }
            other => panic!("Mesos has no {other:?}"),
        }
    }
}

/// Compares messages of a kind that hold anything.
fn compare<M: Message + Described + PartialEq + std::fmt::Debug>(descriptor: &MessageDescriptor) {
    for seed in 0..MESSAGES {
        let of = format!("{} of seed {seed}", descriptor.full_name());
        let made = Maker(seed).make(descriptor, M::fields(), DEPTH).encode_to_vec();
        let theirs = DynamicMessage::decode(descriptor.clone(), &*made).unwrap();
        let their_json = json_of(&theirs);
        let ours = M::decode(&*made).unwrap_or_else(|error| panic!("{of}: {error}"));

        let again = DynamicMessage::decode(descriptor.clone(), &*ours.encode_to_vec()).unwrap();
        assert_eq!(json_of(&again), their_json, "{of}: our protobuf differs");

        let our_json = to_json(&ours);
        let mut reader = serde_json::Deserializer::from_str(&our_json);
        let read = DynamicMessage::deserialize(descriptor.clone(), &mut reader)
            .unwrap_or_else(|error| panic!("{of}: {error}"));
        assert_eq!(json_of(&read), their_json, "{of}: our JSON differs");

        let read: M = from_json(their_json.as_bytes())
            .unwrap_or_else(|error| panic!("{of}: {error} in {their_json}"));
        assert_eq!(read, ours, "{of}: {their_json} is read wrongly");
    }
}

/// A message in JSON as the second implementation writes it.
fn json_of(message: &DynamicMessage) -> String {
    let options =
        SerializeOptions::new().stringify_64_bit_integers(false).use_proto_field_name(true);
    let mut written = Vec::new();
    let mut writer = serde_json::Serializer::new(&mut written);
    message.serialize_with_options(&mut writer, &options).unwrap();
    String::from_utf8(written).unwrap()
}

fn both_encodings_are_those_of_mesos(jars: MesosJars) {
    let pool = descriptors(&jars);
    compare::<scheduler::Call>(&message(&pool, "mesos.v1.scheduler.Call"));
    compare::<scheduler::Event>(&message(&pool, "mesos.v1.scheduler.Event"));
    compare::<executor::Call>(&message(&pool, "mesos.v1.executor.Call"));
    compare::<executor::Event>(&message(&pool, "mesos.v1.executor.Event"));
}

/// Fields of Mesos's messages that we pass over, each by its message, and values without a name here.
fn unread(
    descriptor: &MessageDescriptor,
    fields: &[Field],
    found: &mut BTreeSet<String>,
    seen: &mut BTreeSet<String>,
) {
    if !seen.insert(descriptor.full_name().to_owned()) {
        return;
    }
    for described in descriptor.fields() {
        let name = format!("{}.{}", descriptor.full_name(), described.name());
        let Some(field) = fields.iter().find(|field| field.tag == described.number()) else {
            found.insert(name);
            continue;
        };
        assert_eq!(field.name.trim_start_matches("r#"), described.name(), "{name}");
        let kind = match described.kind() {
            Kind::Message(entry) if described.is_map() => entry.map_entry_value_field().kind(),
            kind => kind,
        };
        if let (Kind::Message(inner), Some(nested)) = (kind, field.nested) {
            unread(&inner, nested(), found, seen);
        }
    }
}

fn fields_that_are_not_read_are_known(jars: MesosJars) {
    let pool = descriptors(&jars);
    let (mut found, mut seen) = Default::default();
    for (name, fields) in [
        ("mesos.v1.scheduler.Call", scheduler::Call::fields()),
        ("mesos.v1.scheduler.Event", scheduler::Event::fields()),
        ("mesos.v1.executor.Call", executor::Call::fields()),
        ("mesos.v1.executor.Event", executor::Event::fields()),
    ] {
        unread(&message(&pool, name), fields, &mut found, &mut seen);
    }
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    assert_eq!(found, NOT_READ);
}

/// What Mesos's messages have and ours do not: what nobody here has anything to say about.
const NOT_READ: [&str; 2] =
    ["mesos.v1.ContainerStatus.cgroup_info", "mesos.v1.Volume.Source.csi_volume"];
