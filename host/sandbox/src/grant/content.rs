//! The permitted body: the ordered comment, external id or tag, and nothing else.

use serde::Deserialize;

use crate::contract::{Comment, ExternalId, Tag};

/// The ordered body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// No body.
    None,
    /// `{"Comment": …}`.
    Comment(Comment),
    /// `{"Comment": …, "ExternalId": …}`.
    CommentAndId(Comment, ExternalId),
    /// `{"Value": …, "Action": "Add"}`.
    Tag(Tag),
}

// Parsing fails if a member is repeated or unknown.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct CommentBody {
    comment: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct CommentAndIdBody {
    comment: String,
    external_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct TagBody {
    value: String,
    action: String,
}

/// The action that adds a tag. The service also has `Remove`.
const ADD: &str = "Add";

impl Content {
    /// The body that the host writes.
    pub(super) fn body(&self) -> Option<String> {
        let body = match self {
            Self::None => return None,
            Self::Comment(comment) => serde_json::json!({ "Comment": comment.as_str() }),
            Self::CommentAndId(comment, id) => {
                serde_json::json!({ "Comment": comment.as_str(), "ExternalId": id.as_str() })
            }
            Self::Tag(tag) => serde_json::json!({ "Value": tag.as_str(), "Action": ADD }),
        };
        Some(body.to_string())
    }

    /// Whether the comment has several lines, which only an old record can have.
    pub(super) fn has_line_break(&self) -> bool {
        match self {
            Self::Comment(comment) | Self::CommentAndId(comment, _) => !comment.is_one_line(),
            Self::None | Self::Tag(_) => false,
        }
    }

    /// The external id in the body.
    pub(super) fn external_id(&self) -> Option<&ExternalId> {
        match self {
            Self::CommentAndId(_, id) => Some(id),
            Self::None | Self::Comment(_) | Self::Tag(_) => None,
        }
    }

    /// Whether a body has this content and nothing else.
    pub(super) fn matches(&self, body: &[u8]) -> bool {
        // Only an object: serde would also accept an array for a struct.
        let is_object = body.trim_ascii_start().starts_with(b"{");
        match self {
            Self::None => body.is_empty(),
            Self::Comment(ordered) => {
                is_object
                    && serde_json::from_slice::<CommentBody>(body)
                        .is_ok_and(|body| body.comment == ordered.as_str())
            }
            Self::CommentAndId(ordered, id) => {
                is_object
                    && serde_json::from_slice::<CommentAndIdBody>(body).is_ok_and(|body| {
                        body.comment == ordered.as_str() && body.external_id == id.as_str()
                    })
            }
            Self::Tag(ordered) => {
                is_object
                    && serde_json::from_slice::<TagBody>(body)
                        .is_ok_and(|body| body.value == ordered.as_str() && body.action == ADD)
            }
        }
    }
}
