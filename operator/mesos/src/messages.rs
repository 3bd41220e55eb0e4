//! The notation in which messages are written down here.
//!
//! ```text
//! messages! {
//!     TaskStatus {
//!         1 required message(TaskId) task_id;
//!         2 required enumeration(TaskState) state;
//!         3 optional bytes data;
//!     }
//! }
//! ```
//!
//! A label is one of protobuf's, or `present`: required, and told apart from its default. In a map, prost leaves
//! values out that are a default, and what is required in them would be missing to the reader.
//!
//! One notation gives the structure for prost, the form in JSON and the list of required fields, so
//! that the three cannot differ.

/// Messages with the numbers, labels and kinds of their fields.
macro_rules! messages {
    ($($name:ident {
        $($tag:tt $label:ident $kind:ident $(($of:ident))? $field:ident;)*
    })*) => { $(
        structure! { @ $name {} $($tag $label $kind ($($of)?) $field;)* }

        impl $crate::fields::Described for $name {
            fn fields() -> &'static [$crate::fields::Field] {
                static FIELDS: &[$crate::fields::Field] = &[$(
                    $crate::fields::Field::$label::<kind!($kind $($of)?)>(
                        $tag, $crate::fields::plain_name(stringify!($field)),
                    )
                ),*];
                FIELDS
            }
        }

        impl $crate::transcode::Message for $name {
            fn write(&self, object: &mut $crate::json::ObjectWriter<'_>) {
                let _ = &object;
                $(object.$label::<kind!($kind $($of)?)>(
                    $crate::fields::plain_name(stringify!($field)), &self.$field,
                );)*
            }

            fn read(
                object: &$crate::json::ObjectReader<'_>,
            ) -> Result<Self, $crate::fields::Problem> {
                let _ = &object;
                Ok(Self { $($field: object.$label::<kind!($kind $($of)?)>(
                    $crate::fields::plain_name(stringify!($field)),
                )?,)* })
            }
        }
    )* };
}

/// Collects the fields of one structure, one after the other.
macro_rules! structure {
    (@ $name:ident { $($done:tt)* }) => {
        #[allow(missing_docs)] // Mesos's documentation says it.
        #[derive(Clone, PartialEq, prost::Message)]
        pub struct $name { $($done)* }
    };
    (@ $name:ident { $($done:tt)* }
        $tag:tt map message ($of:ident) $field:ident; $($rest:tt)*) => {
        structure! { @ $name { $($done)*
            #[prost(btree_map = "string, message", tag = $tag)]
            pub $field: ::std::collections::BTreeMap<String, $of>,
        } $($rest)* }
    };
    (@ $name:ident { $($done:tt)* }
        $tag:tt optional boxed ($of:ident) $field:ident; $($rest:tt)*) => {
        structure! { @ $name { $($done)*
            #[prost(message, optional, boxed, tag = $tag)]
            pub $field: Option<Box<$of>>,
        } $($rest)* }
    };
    (@ $name:ident { $($done:tt)* }
        $tag:tt $label:ident message ($of:ident) $field:ident; $($rest:tt)*) => {
        structure! { @ $name { $($done)*
            #[prost(message, $label, tag = $tag)]
            pub $field: labelled!($label $of),
        } $($rest)* }
    };
    (@ $name:ident { $($done:tt)* }
        $tag:tt repeated enumeration ($of:ident) $field:ident; $($rest:tt)*) => {
        structure! { @ $name { $($done)*
            #[prost(enumeration($of), repeated, packed = "false", tag = $tag)]
            pub $field: Vec<i32>,
        } $($rest)* }
    };
    (@ $name:ident { $($done:tt)* }
        $tag:tt $label:ident enumeration ($of:ident) $field:ident; $($rest:tt)*) => {
        structure! { @ $name { $($done)*
            #[prost(enumeration($of), $label, tag = $tag)]
            pub $field: labelled!($label i32),
        } $($rest)* }
    };
    (@ $name:ident { $($done:tt)* }
        $tag:tt repeated uint32 () $field:ident; $($rest:tt)*) => {
        structure! { @ $name { $($done)*
            #[prost(uint32, repeated, packed = "false", tag = $tag)]
            pub $field: Vec<u32>,
        } $($rest)* }
    };
    (@ $name:ident { $($done:tt)* }
        $tag:tt present $kind:ident () $field:ident; $($rest:tt)*) => {
        structure! { @ $name { $($done)*
            #[prost($kind, optional, tag = $tag)]
            pub $field: labelled!(present (<kind!($kind) as $crate::fields::Kind>::Rust)),
        } $($rest)* }
    };
    (@ $name:ident { $($done:tt)* }
        $tag:tt $label:ident $kind:ident () $field:ident; $($rest:tt)*) => {
        structure! { @ $name { $($done)*
            #[prost($kind, $label, tag = $tag)]
            pub $field: labelled!($label (<kind!($kind) as $crate::fields::Kind>::Rust)),
        } $($rest)* }
    };
}

/// The type of a field with a label.
macro_rules! labelled {
    (required $type:ident) => { $type };
    (optional $type:ident) => { Option<$type> };
    (repeated $type:ident) => { Vec<$type> };
    (required ($type:ty)) => { $type };
    (present ($type:ty)) => { Option<$type> };
    (optional ($type:ty)) => { Option<$type> };
    (repeated ($type:ty)) => { Vec<$type> };
}

/// The type that knows how a kind of field is written.
macro_rules! kind {
    (string) => { $crate::transcode::Text };
    (bytes) => { $crate::transcode::Bytes };
    (bool) => { bool };
    (int32) => { i32 };
    (uint32) => { u32 };
    (int64) => { i64 };
    (uint64) => { u64 };
    (double) => { f64 };
    (message $of:ident) => { $crate::transcode::Nested<$of> };
    (boxed $of:ident) => { $crate::transcode::Boxed<$of> };
    (enumeration $of:ident) => { $crate::transcode::Enumeration<$of> };
}

/// Enumerations with the names of their values.
macro_rules! enumerations {
    ($($name:ident { $($variant:ident $text:literal = $number:literal),* $(,)? })*) => { $(
        #[allow(missing_docs)] // Mesos's documentation says it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
        #[repr(i32)]
        pub enum $name { $($variant = $number),* }

        impl $crate::fields::Named for $name {
            fn number(name: &str) -> Option<i32> {
                match name { $($text => Some($number),)* _ => None }
            }

            fn name(number: i32) -> Option<&'static str> {
                match number { $($number => Some($text),)* _ => None }
            }
        }

        impl $name {
            /// The name of the value as Mesos writes it.
            pub fn text(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }
    )* };
}
