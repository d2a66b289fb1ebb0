/// A measurement without a floor and without a bar.
struct Figure {
    let name: String
    let summary: String
    /// The named numbers, units in the names; nil when something it needs is missing, after a remark that says so.
    let measure: (Environment) throws -> [(String, Double?)]?

    static var all: [Figure] {
        EventFigures.all + LockFigures.all + LockProcessFigures.all + LockHoldingFigures.all + LimitFigures.all
            + ElectionFigures.all + KeyFigures.all + SessionFigures.all + MemoryFigures.all + WorkerFigures.all
            + CacheFigures.all + IndexedFigures.all + NearCacheFigures.all + RememberFigures.all
    }
}
