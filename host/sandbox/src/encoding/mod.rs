//! How files and programs of the user encode text, certificates and keys. Editors, shells and
//! tools write the same content in different ways, and a reader must accept all of them.

#[cfg(feature = "identity")]
pub(crate) mod asn1;
pub(crate) mod der;
pub(crate) mod pem;
pub(crate) mod text;
