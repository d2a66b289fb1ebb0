import Foundation

/// A file of `Golden/`: bytes that have been on the wire and must be readable for ever.
func golden(_ name: String) throws -> [UInt8] {
    let url = Bundle.module.bundleURL.appending(path: "Golden/\(name).json")
    return [UInt8](try Data(contentsOf: url))
}

/// A JSON text `depth` levels deep.
func nested(_ depth: Int) -> String {
    String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
}
