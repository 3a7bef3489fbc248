//! Takes little-endian numbers and strings off the front of bytes, without copying and without trusting them.
//!
//! A length is compared with what is there before anything is done with it, so no bytes can make a reader allocate or
//! panic. Counts are the caller's to bound.

/// What is left of some bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'b> {
    left: &'b [u8],
}

/// Why the front of some bytes is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadError {
    /// They end before it does.
    Truncated,
    /// A string is not UTF-8.
    NotUtf8,
}

impl<'b> Reader<'b> {
    pub(crate) fn new(bytes: &'b [u8]) -> Reader<'b> {
        Reader { left: bytes }
    }

    /// How many bytes are left.
    pub(crate) fn len(&self) -> usize {
        self.left.len()
    }

    pub(crate) fn u8(&mut self) -> Result<u8, ReadError> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, ReadError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, ReadError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, ReadError> {
        self.array().map(u64::from_le_bytes)
    }

    /// A string behind its length in bytes, a `u32`.
    pub(crate) fn text(&mut self) -> Result<&'b str, ReadError> {
        let len = self.u32()? as usize;
        let (text, rest) = self.left.split_at_checked(len).ok_or(ReadError::Truncated)?;
        self.left = rest;
        std::str::from_utf8(text).map_err(|_| ReadError::NotUtf8)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let (array, rest) = self.left.split_first_chunk().ok_or(ReadError::Truncated)?;
        self.left = rest;
        Ok(*array)
    }
}

/// Writes a string behind its length in bytes, as [`Reader::text`] reads it.
///
/// # Panics
/// If it has 2^32 bytes or more.
pub(crate) fn put_text(bytes: &mut Vec<u8>, text: &str) {
    let len = u32::try_from(text.len()).expect("a string is shorter than 4 GiB");
    bytes.extend_from_slice(&len.to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_then_nothing_is_left() {
        let mut bytes = vec![7, 1, 2, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0];
        put_text(&mut bytes, "é");
        let mut reader = Reader::new(&bytes);
        assert_eq!((reader.u8(), reader.u16(), reader.u32(), reader.u64()), (Ok(7), Ok(513), Ok(3), Ok(4)));
        assert_eq!((reader.text(), reader.len()), (Ok("é"), 0));
        assert_eq!((reader.u8(), reader.text()), (Err(ReadError::Truncated), Err(ReadError::Truncated)));
    }

    #[test]
    fn a_length_is_not_believed() {
        assert_eq!(Reader::new(b"\xff\xff\xff\xffab").text(), Err(ReadError::Truncated));
        assert_eq!(Reader::new(b"\x01\0\0\0\xc3\xa9").text(), Err(ReadError::NotUtf8));
    }
}
