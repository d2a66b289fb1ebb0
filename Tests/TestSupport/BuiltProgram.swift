public import Foundation

/// The program of that name beside the test bundle, where SwiftPM builds it.
public func builtProgram(_ name: String) throws -> URL {
    let bundle = CommandLine.arguments.first { $0.contains(".xctest") } ?? CommandLine.arguments[0]
    var folder = URL(filePath: bundle).deletingLastPathComponent()
    while folder.path() != "/" {
        let file = folder.appending(path: name)
        if FileManager.default.isExecutableFile(atPath: file.path()) { return file }
        folder = folder.deletingLastPathComponent()
    }
    throw TestTimeout("\(name) was not found near \(bundle)")
}
