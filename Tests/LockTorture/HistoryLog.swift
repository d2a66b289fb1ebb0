import Foundation
import TestSupport

/// What a fighter for a lock believes, one JSON line per event.
struct HistoryLog: Sendable {
    private let file: HistoryFile

    init(path: String) { file = HistoryFile(path: path) }

    /// Writes an event with the time of this call; `end` is the end of a span that began then.
    func write(
        _ kind: String, lease: String, fence: Int64, at: Int64 = HistoryFile.now(), end: Int64? = nil,
        accepted: Bool? = nil, shared: Bool = false
    ) {
        var line = "{\"kind\":\"\(kind)\",\"pid\":\(getpid()),\"lease\":\"\(lease)\",\"fence\":\(fence),\"at\":\(at)"
        if let end { line += ",\"end\":\(end)" }
        if let accepted { line += ",\"accepted\":\(accepted)" }
        if shared { line += ",\"shared\":true" }
        file.append(line + "}")
    }
}
