import Foundation
import Synchronization

/// The events of a file that another process still writes, one JSON line each.
///
/// A test asks many times a second: each line is read and decoded once.
final class HistoryReader<Event: Decodable & Sendable>: Sendable {
    private struct Progress {
        var events: [Event] = []
        /// What follows the last whole line.
        var rest = Data()
        var offset: UInt64 = 0
    }

    private let file: URL
    private let progress = Mutex(Progress())

    init(_ file: URL) { self.file = file }

    /// All whole lines until now; none when there is no file yet.
    func events() throws -> [Event] {
        try progress.withLock { progress in
            guard let handle = try? FileHandle(forReadingFrom: file) else { return progress.events }
            defer { try? handle.close() }
            try handle.seek(toOffset: progress.offset)
            let news = try handle.readToEnd() ?? Data()
            progress.offset += UInt64(news.count)
            progress.rest.append(news)
            guard let last = progress.rest.lastIndex(of: UInt8(ascii: "\n")) else { return progress.events }
            for line in progress.rest[..<last].split(separator: UInt8(ascii: "\n")) {
                progress.events.append(try JSONDecoder().decode(Event.self, from: line))
            }
            progress.rest = Data(progress.rest[progress.rest.index(after: last)...])
            return progress.events
        }
    }
}
