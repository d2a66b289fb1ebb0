import ConfigurationFiles
import Coordination
import EmbeddedRedis
import EventBus
import RedisCore

/// Exit codes, the sysexits that apply.
enum ExitStatus: Int32, Error, CaseIterable {
    case success = 0
    /// The command line, or the input given with it, cannot be used.
    case usage = 64
    /// Redis cannot be reached or does not serve.
    case unavailable = 69
    /// Something went wrong inside, or a promise was not kept.
    case software = 70
    /// The configuration is not usable.
    case configuration = 78

    var code: Int32 { rawValue }
}

/// Why a command ends, in words for a person, with its exit code.
struct Failure: Error {
    let status: ExitStatus
    let message: String

    init(_ status: ExitStatus, _ message: String) {
        self.status = status
        self.message = message
    }

    /// Sorts any error by what the caller can do about it.
    init(_ error: any Error) {
        switch error {
        case let error as Failure: self = error
        case let error as InvalidConfiguration: self.init(.configuration, error.description)
        case let error as RedisError: self.init(Self.status(of: error.code), error.message)
        case let error as CoordinationError:
            let isServer = error.code == .unavailable || error.code == .unsuitableServer
            self.init(isServer ? .unavailable : .software, error.message)
        case let error as EmbeddedServerError: self.init(.unavailable, error.message)
        case let error as EventBusError:
            self.init(Self.status(of: error), error.message)
        default: self.init(.software, "\(error)")
        }
    }

    private static func status(of error: EventBusError) -> ExitStatus {
        if let redis = error.underlying as? RedisError { return status(of: redis.code) }
        return error.code == .subscribeFailed || error.code == .publishFailed ? .unavailable : .software
    }

    private static func status(of code: RedisError.Code) -> ExitStatus {
        switch code {
        case .configuration, .invalidArgument: .configuration
        case .decoding, .protocolViolation, .closed, .cancelled: .software
        default: .unavailable
        }
    }
}
