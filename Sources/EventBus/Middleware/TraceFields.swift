import Tracing

/// Carries a trace through the envelope's optional field `trace`.
enum TraceFields {
    /// The fields that continue the current trace; empty without one.
    static func current(_ instrument: any Instrument) -> [String: String] {
        guard let context = ServiceContext.current else { return [:] }
        var fields: [String: String] = [:]
        instrument.inject(context, into: &fields, using: DictionaryCarrier())
        return fields
    }

    /// The trace that the fields continue.
    static func context(from fields: [String: String]?, _ instrument: any Instrument) -> ServiceContext {
        var context = ServiceContext.current ?? .topLevel
        if let fields { instrument.extract(fields, into: &context, using: DictionaryCarrier()) }
        return context
    }
}

private struct DictionaryCarrier: Injector, Extractor {
    func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) { carrier[key] = value }
    func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
}
