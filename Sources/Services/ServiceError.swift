import ConfigurationFiles

/// Why a service could not be made or given out.
public struct ServiceError: Error, Sendable {
    /// The kind of failure; new kinds may be added, so keep a `default` branch.
    @nonexhaustive
    public enum Code: String, Sendable, Hashable {
        /// Settings cannot be used; the message names file, line, column and key of everything that is wrong.
        ///
        /// Nothing was made.
        case configuration
        /// The name or the type is taken.
        case duplicate
        /// There is no service of this name.
        case notFound
        /// The service is of another type than was asked for; the message names both.
        case wrongType
        /// The registry was shut down.
        case closed
    }

    /// The kind of failure.
    public let code: Code
    /// The service concerned; nil for a whole file.
    public let service: String?
    /// What is wrong, for a person; one line for each problem of a configuration.
    public let message: String

    /// Builds an error; `message` names what to do.
    public init(_ code: Code, service: String? = nil, message: String) {
        self.code = code
        self.service = service
        self.message = message
    }
}

extension ServiceError: CustomStringConvertible {
    /// `notFound: there is no service …`.
    public var description: String { "\(code.rawValue): \(message)" }
}

extension ServiceError {
    init(_ error: InvalidConfiguration, service: String? = nil) {
        self.init(.configuration, service: service, message: error.description)
    }
}
