/// What an answer's status means; pure.
enum WebhookVerdict: Sendable, Equatable {
    case delivered
    /// The same again would be refused again.
    case refused
    /// Later perhaps; also redirects, which are not followed: a signed body is for the address that was given.
    case failed

    init(status: Int) {
        switch status {
        case 200..<300: self = .delivered
        // Request Timeout, Too Early (RFC 8470), Too Many Requests.
        case 408, 425, 429: self = .failed
        case 400..<500: self = .refused
        default: self = .failed
        }
    }
}
