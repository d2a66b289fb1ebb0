/// Makes foreign text fit for a terminal and a log line.
enum LogText {
    /// Control characters become visible escapes, so that output of programs and senders cannot drive a terminal or
    /// forge log lines.
    ///
    /// Tabs stay.
    static func clean(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        var clean = ""
        for scalar in text.unicodeScalars {
            if isControl(scalar) {
                let hex = String(scalar.value, radix: 16, uppercase: true)
                clean += "\\x" + (hex.count < 2 ? "0" + hex : hex)
            } else {
                clean.unicodeScalars.append(scalar)
            }
        }
        return clean
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        (scalar.value < 0x20 && scalar != "\t") || (0x7F...0x9F).contains(scalar.value)
    }
}
