import ConfigurationFiles
import Yams

/// A service that can be made, as far as its settings tell.
struct ServicePlan {
    let name: String
    let type: String
    let place: Node
    let maker: ServiceFactory.Maker
    /// Services that have to be made before, with the places where they are named.
    let references: [ServiceReference]

    /// The plans in their order, but for those that use a later one: they come right after it.
    ///
    /// - Parameter known: Services that are made already.
    static func ordered(
        _ plans: [ServicePlan], known: [String]
    ) -> (plans: [ServicePlan], problems: [ConfigurationProblem]) {
        let names = known + plans.map(\.name)
        var problems: [ConfigurationProblem] = []
        for plan in plans {
            for reference in plan.references where !names.contains(reference.name) {
                let others = names.filter { $0 != plan.name }
                let shown = reference.isFromVariable ? reference.shown : nil
                let missing = ServiceRegistry.missing(reference.name, shown: shown, among: others)
                problems.append(reference.problem(missing))
            }
        }
        guard problems.isEmpty else { return ([], problems) }
        var made = Set(known)
        var (ordered, left): ([ServicePlan], [ServicePlan]) = ([], plans)
        while let next = left.firstIndex(where: { $0.references.allSatisfy { made.contains($0.name) } }) {
            made.insert(left[next].name)
            ordered.append(left.remove(at: next))
        }
        // What is left uses each other, or what does.
        for plan in left {
            for reference in plan.references where !made.contains(reference.name) {
                let reason =
                    reference.name == plan.name
                    ? "'\(plan.name)' cannot be made of itself"
                    : "'\(plan.name)' and \(reference.shown) cannot be made of each other"
                problems.append(reference.problem(reason))
            }
        }
        return (ordered, problems)
    }
}
