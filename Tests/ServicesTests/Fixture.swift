import RedisCore
import Services
import TestSupport
import Testing

/// A registry that knows everything, shut down at the end.
@discardableResult
func withRegistry<T>(
    isolation: isolated (any Actor)? = #isolation, _ body: (ServiceRegistry) async throws -> T
) async throws -> T {
    let registry = ServiceRegistry()
    registry.registerAll()
    do {
        let result = try await body(registry)
        await registry.shutDown()
        return result
    } catch {
        await registry.shutDown()
        throw error
    }
}

/// Checks an error's code and gives the error's message back.
@discardableResult
func serviceError<T>(
    _ code: ServiceError.Code, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> T
) -> String {
    do {
        _ = try body()
        Issue.record("nothing was thrown", sourceLocation: sourceLocation)
    } catch let error as ServiceError {
        #expect(error.code == code, sourceLocation: sourceLocation)
        return error.message
    } catch {
        Issue.record("another error was thrown: \(error)", sourceLocation: sourceLocation)
    }
    return ""
}
