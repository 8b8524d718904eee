//! The cost of compiling a component, estimated from its shape before anything is compiled.
//! The compiler has no limits of its own, and cannot be interrupted. A few megabytes of
//! hostile code would take minutes and gigabytes: time and memory grow with the product of
//! the number of live values and the number of joins in the control flow. So such code is refused.

use thiserror::Error;
use wasmparser::{
    BinaryReaderError, BlockType, FuncType, FunctionBody, Operator, Parser, Payload, TypeRef,
};

/// The highest cost of one function. The largest function of the default plugin has less than a
/// tenth of it.
const MAX_FUNCTION_COST: u64 = 200_000;
/// The highest cost of a component. The default plugin has less than a tenth of it.
const MAX_COST: u64 = 2_000_000;
/// The most parameters, and the most results, of a function.
const MAX_ARITY: usize = 100;
/// The deepest level of components within components.
const MAX_NESTING: usize = 2;
/// The most instances that a component and those within it create: each level multiplies the
/// work of the levels below.
const MAX_INSTANCES: u32 = 200;
/// The cost of a function, a type or an import, however small it is.
const ITEM_COST: u64 = 50;

/// Compiling the component could take minutes or gigabytes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CostError {
    /// One function is too complex.
    #[error("function {0} is too complex: it has too many branches and local variables")]
    Function(u32),
    /// All the code together is too complex.
    #[error("the component has too much code")]
    Code,
    /// A function has too many parameters or results.
    #[error("a function has more than {MAX_ARITY} parameters or results")]
    Arity,
    /// Components are nested too deeply.
    #[error("components are nested more than {MAX_NESTING} levels deep")]
    Nesting,
    /// It creates too many instances.
    #[error("the component creates more than {MAX_INSTANCES} instances")]
    Instances,
}

/// Checks that compiling a component takes seconds, not minutes. The check ends at code that
/// cannot be parsed, because the compiler rejects such a component anyway.
pub(super) fn check(bytes: &[u8]) -> Result<(), Error> {
    let mut whole = Whole::default();
    // Of the module that is being read; modules are not nested.
    let mut module = Module::default();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ModuleSection { .. } => {
                module = Module::default();
                whole.levels.push(Level::Module);
            }
            Payload::ComponentSection { .. } => whole.enter_component()?,
            Payload::End(_) => {
                whole.levels.pop();
            }
            Payload::InstanceSection(section) => whole.add_instances(section.count())?,
            Payload::ComponentInstanceSection(section) => whole.add_instances(section.count())?,
            Payload::ComponentTypeSection(section) => {
                // A type of a component may be large by itself.
                whole.add(section.range().len() as u64)?;
            }
            Payload::ComponentCanonicalSection(section) => {
                whole.add_items(section.count())?;
            }
            Payload::TypeSection(section) => {
                whole.add_items(section.count())?;
                for kind in section.into_iter_err_on_gc_types() {
                    module.add_type(&kind?)?;
                }
            }
            Payload::ImportSection(section) => {
                whole.add_items(section.count())?;
                for import in section.into_imports() {
                    if let TypeRef::Func(kind) = import?.ty {
                        module.functions.push(kind);
                    }
                }
            }
            Payload::FunctionSection(section) => {
                whole.add_items(section.count())?;
                module.imported = module.functions.len();
                for kind in section {
                    module.functions.push(kind?);
                }
            }
            Payload::CodeSectionEntry(body) => {
                let cost = module.cost_of(&body)?;
                whole.add(cost)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Why the check failed.
#[derive(Debug)]
pub(super) enum Error {
    Cost(CostError),
    /// It cannot be parsed.
    Parse(BinaryReaderError),
}

impl From<CostError> for Error {
    fn from(error: CostError) -> Self {
        Self::Cost(error)
    }
}

impl From<BinaryReaderError> for Error {
    fn from(error: BinaryReaderError) -> Self {
        Self::Parse(error)
    }
}

/// The sums over a component and everything in it.
#[derive(Default)]
struct Whole {
    cost: u64,
    instances: u32,
    /// What is being read, below the outermost component.
    levels: Vec<Level>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Module,
    Component,
}

impl Whole {
    fn enter_component(&mut self) -> Result<(), CostError> {
        self.levels.push(Level::Component);
        if self.levels.len() > MAX_NESTING {
            Err(CostError::Nesting)
        } else {
            Ok(())
        }
    }

    fn add(&mut self, cost: u64) -> Result<(), CostError> {
        self.cost = self.cost.saturating_add(cost);
        if self.cost > MAX_COST {
            Err(CostError::Code)
        } else {
            Ok(())
        }
    }

    fn add_items(&mut self, count: u32) -> Result<(), CostError> {
        self.add(ITEM_COST * u64::from(count))
    }

    fn add_instances(&mut self, count: u32) -> Result<(), CostError> {
        self.instances = self.instances.saturating_add(count);
        if self.instances > MAX_INSTANCES {
            Err(CostError::Instances)
        } else {
            Ok(())
        }
    }
}

/// What the cost of a module's functions depends on.
#[derive(Default)]
struct Module {
    types: Vec<Arity>,
    /// The type of each function, the imported ones first.
    functions: Vec<u32>,
    /// The number of imported functions.
    imported: usize,
    /// The number of functions whose code was read.
    bodies: u32,
}

/// The number of parameters and of results.
#[derive(Clone, Copy, Default)]
struct Arity {
    parameters: u64,
    results: u64,
}

impl Arity {
    fn both(self) -> u64 {
        self.parameters + self.results
    }
}

impl Module {
    fn add_type(&mut self, kind: &FuncType) -> Result<(), CostError> {
        let (parameters, results) = (kind.params().len(), kind.results().len());
        if parameters > MAX_ARITY || results > MAX_ARITY {
            return Err(CostError::Arity);
        }
        self.types.push(Arity {
            parameters: parameters as u64,
            results: results as u64,
        });
        Ok(())
    }

    /// An index that does not exist is rejected later, by the validation.
    fn arity(&self, kind: u32) -> Arity {
        let arity = self.types.get(kind as usize).copied();
        arity.unwrap_or_default()
    }

    fn arity_of_function(&self, function: usize) -> Arity {
        let kind = self.functions.get(function).copied();
        kind.map_or_else(Arity::default, |kind| self.arity(kind))
    }

    fn arity_of_block(&self, kind: BlockType) -> u64 {
        match kind {
            BlockType::Empty => 0,
            BlockType::Type(_) => 1,
            BlockType::FuncType(kind) => self.arity(kind).both(),
        }
    }

    /// The cost of the next function.
    fn cost_of(&mut self, body: &FunctionBody<'_>) -> Result<u64, Error> {
        let number = self.bodies;
        self.bodies += 1;
        let own = self.arity_of_function(self.imported + number as usize);
        let mut shape = FunctionShape {
            locals: own.parameters,
            widest: own.results.max(1),
            ..FunctionShape::default()
        };
        for locals in body.get_locals_reader()? {
            shape.locals += u64::from(locals?.0);
        }
        let mut code = body.get_operators_reader()?;
        while !code.eof() {
            self.add_operator(&mut shape, &code.read()?);
        }
        let cost = shape.cost();
        if cost > MAX_FUNCTION_COST {
            return Err(CostError::Function(number).into());
        }
        Ok(cost)
    }

    fn add_operator(&self, shape: &mut FunctionShape, operator: &Operator<'_>) {
        shape.operators += 1;
        match operator {
            Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
                let arity = self.arity_of_block(*blockty);
                shape.joins += 1;
                shape.values += arity;
                shape.widest = shape.widest.max(arity);
            }
            Operator::Br { .. } | Operator::Return | Operator::Else => shape.branches += 1,
            Operator::BrIf { .. } => {
                shape.joins += 1;
                shape.branches += 1;
            }
            Operator::BrTable { targets } => {
                shape.joins += u64::from(targets.len());
                shape.branches += u64::from(targets.len());
            }
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                shape.values += self.arity_of_function(*function_index as usize).both();
            }
            Operator::CallIndirect { type_index, .. }
            | Operator::ReturnCallIndirect { type_index, .. }
            | Operator::CallRef { type_index }
            | Operator::ReturnCallRef { type_index } => {
                shape.values += self.arity(*type_index).both();
            }
            _ => {}
        }
    }
}

/// The shape of a function's code.
#[derive(Default)]
struct FunctionShape {
    operators: u64,
    /// Parameters and local variables.
    locals: u64,
    /// Places where control flow splits or meets.
    joins: u64,
    branches: u64,
    /// The most values that a branch passes on.
    widest: u64,
    /// The parameters and results of calls and blocks.
    values: u64,
}

impl FunctionShape {
    /// The cost, in operators of code without branches. The compiler finds out for each local
    /// variable and each other value whether it is live at each join.
    fn cost(&self) -> u64 {
        let at_joins = self.locals.saturating_mul(self.joins) / 16
            + self.operators.saturating_mul(self.joins) / 1024;
        let passed = self.branches.saturating_mul(self.widest);
        let straight = ITEM_COST + self.operators + self.values;
        straight.saturating_add(passed).saturating_add(at_joins)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The result for a component with a module of this text.
    fn checked(module: &str) -> Result<(), CostError> {
        checked_component(&format!("(core module {module})"))
    }

    fn checked_component(content: &str) -> Result<(), CostError> {
        let bytes = wat::parse_str(format!("(component {content})")).unwrap();
        match check(&bytes) {
            Ok(()) => Ok(()),
            Err(Error::Cost(error)) => Err(error),
            Err(Error::Parse(error)) => panic!("{error}"),
        }
    }

    #[test]
    fn the_default_plugin_has_less_than_a_tenth_of_each_limit() {
        let bytes = super::super::EMBEDDED;
        let mut module = Module::default();
        let (mut all, mut largest) = (0, 0);
        for payload in Parser::new(0).parse_all(bytes) {
            if let Payload::CodeSectionEntry(body) = payload.unwrap() {
                let cost = module.cost_of(&body).unwrap();
                (all, largest) = (all + cost, largest.max(cost));
            }
        }
        assert!(largest * 10 < MAX_FUNCTION_COST, "{largest}");
        assert!(all * 10 < MAX_COST, "{all}");
        check(bytes).unwrap();
    }

    #[test]
    fn code_whose_compilation_takes_minutes_is_refused() {
        // Straight code.
        let straight = |count: usize| {
            let code = "(drop (i32.const 1))".repeat(count);
            checked(&format!("(func {code})"))
        };
        assert_eq!(straight(50_000), Ok(()));
        assert_eq!(straight(100_001), Err(CostError::Function(0)));
        // Each local variable at each loop.
        let at_joins = |locals: usize, loops: usize| {
            let locals = "i32 ".repeat(locals);
            let loops = "(loop (br_if 0 (i32.const 0)))".repeat(loops);
            checked(&format!("(func) (func (local {locals}) {loops})"))
        };
        assert_eq!(at_joins(100, 2000), Ok(()));
        assert_eq!(at_joins(2000, 2000), Err(CostError::Function(1)));
        // The targets of a table.
        let table = |targets: usize| {
            let targets = "0 ".repeat(targets);
            let code = format!("(block (br_table {targets} (i32.const 0)))").repeat(100);
            checked(&format!("(func {code})"))
        };
        assert_eq!(table(500), Ok(()));
        assert_eq!(table(5000), Err(CostError::Function(0)));
        // Values that calls pass on.
        let values = "i32 ".repeat(100);
        let call = |count: usize| {
            let call = "(call 0)".repeat(count);
            let kind = format!("(type (func (param {values}) (result {values})))");
            let zeros = "(i32.const 0)".repeat(100);
            checked(&format!(
                "{kind} (import \"a\" \"b\" (func (type 0))) \
                 (func (result {values}) {zeros} {call})"
            ))
        };
        assert_eq!(call(100), Ok(()));
        assert_eq!(call(1000), Err(CostError::Function(0)));
        // Many functions.
        assert_eq!(checked(&"(func)".repeat(10_000)), Ok(()));
        assert_eq!(checked(&"(func)".repeat(50_000)), Err(CostError::Code));
    }

    #[test]
    fn wide_types_and_nested_components_are_refused() {
        let parameters = |count: usize| {
            let parameters = "i32 ".repeat(count);
            checked(&format!("(type (func (param {parameters})))"))
        };
        assert_eq!(parameters(MAX_ARITY), Ok(()));
        assert_eq!(parameters(MAX_ARITY + 1), Err(CostError::Arity));
        let nested = |depth: usize| {
            let (open, close) = ("(component ".repeat(depth), ")".repeat(depth));
            checked_component(&format!("{open}{close}"))
        };
        assert_eq!(nested(MAX_NESTING), Ok(()));
        assert_eq!(nested(MAX_NESTING + 1), Err(CostError::Nesting));
        let instances = |count: usize| {
            let instances = "(instance (instantiate 0))".repeat(count);
            checked_component(&format!("(component) {instances}"))
        };
        assert_eq!(instances(200), Ok(()));
        assert_eq!(instances(201), Err(CostError::Instances));
    }
}
