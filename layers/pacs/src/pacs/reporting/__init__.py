"""Reports of studies: templates, drafts, versions, signatures, and the documents that they become."""
