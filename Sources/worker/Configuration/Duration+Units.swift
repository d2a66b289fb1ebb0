extension Duration {
    /// Cut to milliseconds; durations here are far below the 292 million years at which this would overflow.
    var wholeMilliseconds: Int64 {
        components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000
    }

    /// As seconds with a fraction, for display and JSON.
    var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
