import Foundation

/// The events of the demonstration.
struct DemoInput: Sendable {
    let origin: String
    let bytes: [UInt8]
    /// The id of each line that is JSON, in order, repeats included.
    let ids: [String]
    let broken: Int

    static let file = "Examples/data/orders.ndjson"

    /// The given file, else the repository's when it is near, else the built-in stream, which is the same.
    static func load(_ path: String?) throws -> DemoInput {
        if let path { return try DemoInput(origin: path, reading: path) }
        for folder in nearbyFolders() {
            let path = "\(folder)/\(file)"
            if FileManager.default.isReadableFile(atPath: path) { return try DemoInput(origin: path, reading: path) }
        }
        return try DemoInput(origin: "built-in orders", bytes: Array(OrderStream.ndjson().utf8))
    }

    private init(origin: String, reading path: String) throws {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Failure(.usage, "\(path) cannot be read")
        }
        try self.init(origin: origin, bytes: Array(data))
    }

    init(origin: String, bytes: [UInt8]) throws {
        self.origin = origin
        self.bytes = bytes
        var ids: [String] = []
        var broken = 0
        let reader = LineReader(bytes: bytes)
        while let line = try reader.next() {
            do throws(JSONParser.Failure) {
                guard let id = Self.id(of: try JSONParser.parse(line.bytes)) else {
                    throw .init(offset: 1, problem: "no id")
                }
                ids.append(id)
            } catch {
                guard error.problem != "no id" else {
                    throw Failure(.usage, "\(origin), line \(line.number): an order needs an \"id\" without spaces")
                }
                broken += 1
            }
        }
        guard Set(ids).count >= 100 else {
            throw Failure(.usage, "\(origin) has \(Set(ids).count) orders; the demonstration needs 100 or more")
        }
        self.ids = ids
        self.broken = broken
    }

    static func id(of payload: JSONValue) -> String? {
        guard case .object(let members) = payload, case .string(let id)? = members["id"], !id.isEmpty,
            !id.contains(where: { $0.isWhitespace || $0.isNewline })
        else { return nil }
        return id
    }

    private static func nearbyFolders() -> [String] {
        var folders = [FileManager.default.currentDirectoryPath]
        // From .build/<triple>/<configuration>/worker up to the repository.
        var folder = URL(fileURLWithPath: Self.executable).deletingLastPathComponent()
        for _ in 0..<4 {
            folders.append(folder.path)
            folder = folder.deletingLastPathComponent()
        }
        return folders
    }

    /// This program's own file, to start workers from.
    static var executable: String { Bundle.main.executablePath ?? CommandLine.arguments[0] }
}
