//! What the targets share: inputs that are shown as what they stand for.

use libfuzzer_sys::arbitrary::{Arbitrary, Result, Unstructured};
use mcp_tests::encoding::Encoded;

/// A case, which cargo-fuzz prints when it fails.
#[derive(Debug)]
pub struct Case<T>(pub T);

impl<'a, T: Encoded> Arbitrary<'a> for Case<T> {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        let length = bytes.len();
        bytes.bytes(length).map(|bytes| Self(T::decode(bytes)))
    }
}
