/// Lives that have a name, so that no number in the code needs explaining.
extension CacheTTL {
    /// A one-time password: 5 minutes.
    public static let oneTimePassword = CacheTTL.after(.seconds(5 * 60))
    /// A user's session: 24 hours.
    public static let session = CacheTTL.after(.seconds(24 * 3_600))
    /// Data kept to spare a query: 1 hour.
    public static let cached = CacheTTL.after(.seconds(3_600))
    /// Data between two steps of a task: 15 minutes.
    public static let temporary = CacheTTL.after(.seconds(15 * 60))
    /// A report made once a day: 24 hours.
    public static let report = CacheTTL.after(.seconds(24 * 3_600))
    /// 5 minutes.
    public static let short = CacheTTL.after(.seconds(5 * 60))
    /// 1 hour.
    public static let medium = CacheTTL.after(.seconds(3_600))
    /// 24 hours.
    public static let long = CacheTTL.after(.seconds(24 * 3_600))
}
