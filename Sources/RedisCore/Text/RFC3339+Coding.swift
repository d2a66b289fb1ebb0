package import FoundationEssentials

/// Dates in JSON as RFC 3339 text, as Go, Python and JavaScript write them.
extension JSONDecoder.DateDecodingStrategy {
    /// Any offset and number of digits.
    package static var rfc3339: Self {
        .custom { decoder in
            let container = try decoder.singleValueContainer()
            guard let date = RFC3339.parse(try container.decode(String.self)) else {
                throw DecodingError.dataCorruptedError(in: container, debugDescription: "not an RFC 3339 date")
            }
            return date
        }
    }
}

extension JSONEncoder.DateEncodingStrategy {
    /// UTC; years 1 to 9999.
    package static var rfc3339: Self {
        .custom { date, encoder in
            var container = encoder.singleValueContainer()
            guard let text = RFC3339.string(date) else {
                throw EncodingError.invalidValue(
                    date, .init(codingPath: encoder.codingPath, debugDescription: "the year is not in 1...9999"))
            }
            try container.encode(text)
        }
    }
}
