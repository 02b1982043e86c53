"""What DICOM says: attributes, headers, frames, pixels. Pure: pydicom and numpy, no AWS, no SQL, no web."""
