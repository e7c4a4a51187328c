//! The messages of TensorBoard's event files that a log needs, with the numbers of their fields.

use prost::{Message, Oneof};

/// The version at the head of a file.
pub(super) const FILE_VERSION: &str = "brain.Event:2";
/// `SessionLog.START`: TensorBoard ignores other files of the folder from this step on.
const START: i32 = 1;
/// `DataType.DT_STRING`.
const STRING: i32 = 7;

#[derive(Clone, PartialEq, Message)]
pub(super) struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    pub(super) wall_time: f64,
    #[prost(int64, tag = "2")]
    pub(super) step: i64,
    #[prost(oneof = "What", tags = "3, 5, 7")]
    pub(super) what: Option<What>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum What {
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(Summary),
    #[prost(message, tag = "7")]
    SessionLog(SessionLog),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Summary {
    #[prost(message, repeated, tag = "1")]
    pub(super) values: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Value {
    #[prost(string, tag = "1")]
    pub(super) tag: String,
    #[prost(message, optional, tag = "9")]
    pub(super) metadata: Option<Metadata>,
    #[prost(oneof = "Content", tags = "2, 8")]
    pub(super) content: Option<Content>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Content {
    #[prost(float, tag = "2")]
    Scalar(f32),
    #[prost(message, tag = "8")]
    Tensor(Tensor),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Metadata {
    #[prost(message, optional, tag = "1")]
    pub(super) plugin: Option<Plugin>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Plugin {
    #[prost(string, tag = "1")]
    pub(super) name: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Tensor {
    #[prost(int32, tag = "1")]
    pub(super) data_type: i32,
    #[prost(message, optional, tag = "2")]
    pub(super) shape: Option<Shape>,
    #[prost(bytes = "vec", repeated, tag = "8")]
    pub(super) texts: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Shape {
    #[prost(message, repeated, tag = "2")]
    pub(super) axes: Vec<Axis>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Axis {
    #[prost(int64, tag = "1")]
    pub(super) size: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SessionLog {
    #[prost(int32, tag = "1")]
    pub(super) status: i32,
}

impl What {
    pub(super) fn file_version() -> Self {
        Self::FileVersion(FILE_VERSION.to_owned())
    }

    pub(super) fn start() -> Self {
        Self::SessionLog(SessionLog { status: START })
    }

    /// One point of each curve.
    pub(super) fn scalars(scalars: impl IntoIterator<Item = (String, f64)>) -> Self {
        // Points of curves are of single precision, as TensorBoard's own.
        let scalar = |(tag, value)| Value { tag, metadata: None, content: Some(Content::Scalar(value as f32)) };
        Self::Summary(Summary { values: scalars.into_iter().map(scalar).collect() })
    }

    /// A text in Markdown.
    pub(super) fn text(tag: String, text: String) -> Self {
        let tensor =
            Tensor { data_type: STRING, shape: Some(Shape { axes: vec![Axis { size: 1 }] }), texts: vec![text.into()] };
        let metadata = Metadata { plugin: Some(Plugin { name: "text".to_owned() }) };
        Self::Summary(Summary {
            values: vec![Value { tag, metadata: Some(metadata), content: Some(Content::Tensor(tensor)) }],
        })
    }
}
