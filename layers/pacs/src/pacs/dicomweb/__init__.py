"""What HTTP says about DICOM (PS3.18): queries, media types, multipart. Pure."""
