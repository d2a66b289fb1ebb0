import EventBus
import Testing

/// Expects that the body throws an `EventBusError` with this code; returns the error.
@discardableResult
func expectFailure(
    _ code: EventBusError.Code, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> some Any
) async -> EventBusError? {
    do {
        _ = try await body()
        Issue.record("nothing was thrown", sourceLocation: sourceLocation)
        return nil
    } catch let error as EventBusError {
        #expect(error.code == code, "\(error)", sourceLocation: sourceLocation)
        return error
    } catch {
        Issue.record("\(error) was thrown", sourceLocation: sourceLocation)
        return nil
    }
}
