"""HTTP/2 conformance: h2spec against a started gateway, with the list of exceptions."""
