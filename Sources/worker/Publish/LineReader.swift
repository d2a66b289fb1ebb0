import Foundation

/// Lines of a file or pipe, one at a time, with a bound on a line's length.
///
/// Reads block the calling thread: the command that reads has nothing else to do until the next line is there.
final class LineReader {
    /// One line without its end, and its number counted from 1.
    struct Line: Equatable {
        let number: Int
        let bytes: [UInt8]
        /// True when the line was longer than the limit; `bytes` then holds its beginning.
        let isTooLong: Bool
    }

    static let maxLine = 64 << 20

    private let descriptor: Int32
    private let closes: Bool
    private var buffer: [UInt8] = []
    private var start = 0
    private var number = 0
    private var atEnd = false
    /// Bytes taken from the file so far, for progress.
    private(set) var consumed = 0
    /// The file's size; nil for pipes and terminals.
    let size: Int?

    /// Opens a file, or standard input for `-`.
    init(path: String) throws(Failure) {
        if path == "-" {
            descriptor = STDIN_FILENO
            closes = false
        } else {
            descriptor = open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else {
                throw Failure(.usage, "\(path) cannot be read: \(String(cString: strerror(errno)))")
            }
            closes = true
        }
        var information = stat()
        let isFile = fstat(descriptor, &information) == 0 && information.st_mode & S_IFMT == S_IFREG
        size = isFile ? Int(information.st_size) : nil
    }

    /// Reads from bytes that are already here.
    init(bytes: [UInt8]) {
        descriptor = -1
        closes = false
        buffer = bytes
        atEnd = true
        size = bytes.count
    }

    deinit { if closes { close(descriptor) } }

    /// The next line that is not blank; nil at the end.
    func next(maxLine: Int = LineReader.maxLine) throws(Failure) -> Line? {
        while let line = try nextRaw(maxLine: maxLine) {
            if !line.bytes.allSatisfy({ $0 == 0x20 || $0 == 0x09 }) { return line }
        }
        return nil
    }

    private func nextRaw(maxLine: Int) throws(Failure) -> Line? {
        var searched = start
        while true {
            if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) { return take(upTo: end, maxLine) }
            searched = buffer.count
            if atEnd { return start < buffer.count ? take(upTo: buffer.count, maxLine) : nil }
            try fill(maxLine: maxLine)
            searched = min(searched, buffer.count)
            if start == 0 { searched = 0 }
        }
    }

    private func take(upTo end: Int, _ maxLine: Int) -> Line {
        number += 1
        consumed += end - start + 1
        var bytes = Array(buffer[start..<end])
        start = min(end + 1, buffer.count)
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        let isTooLong = bytes.count > maxLine
        return Line(number: number, bytes: isTooLong ? Array(bytes.prefix(maxLine)) : bytes, isTooLong: isTooLong)
    }

    private func fill(maxLine: Int) throws(Failure) {
        if start > 0 {
            buffer.removeFirst(start)
            start = 0
        }
        // A line beyond the limit is known to be broken; of it only the fact is kept.
        if buffer.count > maxLine + 1 { buffer.removeLast(buffer.count - maxLine - 1) }
        var chunk = [UInt8](repeating: 0, count: 65_536)
        let count = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        if count > 0 {
            buffer += chunk[..<count]
        } else if count == 0 {
            atEnd = true
        } else if errno != EINTR {
            throw Failure(.usage, "the input cannot be read: \(String(cString: strerror(errno)))")
        }
    }
}
