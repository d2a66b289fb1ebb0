/// Names from the network, made fit for a log line.
enum LogText {
    private static let limit = 80

    /// At most 80 characters and none that could break a line or colour a terminal.
    static func short(_ text: String) -> String {
        // Nearly every name passes as it is.
        if text.utf8.count <= limit, !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) { return text }
        let kept = text.unicodeScalars.prefix(limit).map { scalar in
            scalar.properties.generalCategory == .control ? "\u{FFFD}" : Character(scalar)
        }
        return String(kept) + (text.unicodeScalars.count > limit ? "…" : "")
    }
}
