import TestSupport

/// One holding of permits.
struct Tenure: Sendable {
    let id: String
    let fence: Int64
    let permits: Int
}

/// What a fighter for permits believes, one JSON line per event.
struct History: Sendable {
    private let file: HistoryFile

    init(path: String) { file = HistoryFile(path: path) }

    func write(_ kind: String, _ tenure: Tenure, at: Int64 = HistoryFile.now(), end: Int64? = nil) {
        var line = "{\"kind\":\"\(kind)\",\"lease\":\"\(tenure.id)\",\"fence\":\(tenure.fence)"
        line += ",\"permits\":\(tenure.permits),\"at\":\(at)"
        if let end { line += ",\"end\":\(end)" }
        file.append(line + "}")
    }
}
