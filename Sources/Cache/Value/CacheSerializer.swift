public import FoundationEssentials
import RedisCore
import Synchronization

/// Turns values into bytes and back; a cache has one, JSON unless told otherwise.
///
/// Text and bytes do not pass through it: `String` is stored as UTF-8 and `Data` as it is, and each entry says which,
/// so that text is never mistaken for JSON.
public protocol CacheSerializer: Sendable {
    /// The number of the format, written into every entry: 16 to 255 for formats of your own.
    ///
    /// An entry of another format is not decoded but reported as undecodable, except JSON, text and bytes, which every
    /// cache reads: so a format can change while old entries are still alive.
    var codec: UInt8 { get }

    /// The value's bytes.
    func encode<T: Encodable>(_ value: T) throws -> Data

    /// The value of these bytes; throws when they are not one.
    func decode<T: Decodable>(_ type: T.Type, from data: Data) throws -> T
}

/// JSON by Foundation's coders, dates as RFC 3339 text as Go, Python and JavaScript write them.
public struct JSONCacheSerializer: CacheSerializer {
    /// 1.
    public var codec: UInt8 { CacheCodec.json }

    private let encoder: JSONEncoder
    private let decoder: JSONDecoder
    /// Which coders these are: 0 for the shared ones.
    let coders: UInt64

    private static let nextCoders = Atomic<UInt64>(1)

    /// The format that other programs read without knowing this package.
    public init() {
        encoder = Self.sharedEncoder
        decoder = Self.sharedDecoder
        coders = 0
    }

    /// The same with coders of your own; they are used concurrently and must not be changed any more.
    public init(encoder: JSONEncoder, decoder: JSONDecoder) {
        self.encoder = encoder
        self.decoder = decoder
        coders = Self.nextCoders.wrappingAdd(1, ordering: .relaxed).oldValue
    }

    /// The value as JSON.
    public func encode<T: Encodable>(_ value: T) throws -> Data { try encoder.encode(value) }

    /// The value of a JSON text.
    public func decode<T: Decodable>(_ type: T.Type, from data: Data) throws -> T {
        try decoder.decode(type, from: data)
    }

    // Sorted keys make equal values equal bytes, which spares conditional writes a round trip.
    private static let sharedEncoder: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .rfc3339
        return encoder
    }()

    private static let sharedDecoder: JSONDecoder = {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .rfc3339
        return decoder
    }()
}

/// Text only: a cache of strings and bytes that refuses every other type.
public struct StringCacheSerializer: CacheSerializer {
    /// 2.
    public var codec: UInt8 { CacheCodec.text }

    /// The format of plain text.
    public init() {}

    /// Throws: strings and bytes do not come here, and other types are refused.
    public func encode<T: Encodable>(_ value: T) throws -> Data {
        throw EncodingError.invalidValue(
            value, .init(codingPath: [], debugDescription: "the cache stores strings and bytes only, not \(T.self)"))
    }

    /// Throws: strings and bytes do not come here, and other types are refused.
    public func decode<T: Decodable>(_ type: T.Type, from data: Data) throws -> T {
        throw DecodingError.typeMismatch(
            type, .init(codingPath: [], debugDescription: "the cache stores strings and bytes only"))
    }
}

extension CacheSerializer where Self == JSONCacheSerializer {
    /// JSON with RFC 3339 dates.
    public static var json: JSONCacheSerializer { JSONCacheSerializer() }
}

extension CacheSerializer where Self == StringCacheSerializer {
    /// Strings and bytes only.
    public static var string: StringCacheSerializer { StringCacheSerializer() }
}

/// The numbers of the formats that every cache reads.
enum CacheCodec {
    static let json: UInt8 = 1
    static let text: UInt8 = 2
    static let bytes: UInt8 = 3
    static let firstOwn: UInt8 = 16
}
