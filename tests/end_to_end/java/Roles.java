import java.util.*;
import org.apache.mesos.*;
import org.apache.mesos.Protos.*;
import org.apache.mesos.scheduler.Protos.AttributeConstraint;
import org.apache.mesos.scheduler.Protos.OfferConstraints;

/**
 * A framework of several roles that is offered the one node again and again, and changes what it wants:
 *
 * <pre>
 * Roles MASTER
 * </pre>
 *
 * Prints the roles of offers, and what it asks for between them.
 */
public class Roles implements Scheduler {
    private static final Filters SOON = Filters.newBuilder().setRefuseSeconds(0.1).build();
    private FrameworkInfo framework;
    private int step;
    private int offers;

    public static void main(String[] arguments) {
        FrameworkInfo framework = of("a", "b").build();
        MesosSchedulerDriver driver =
                new MesosSchedulerDriver(new Roles(), framework, List.of("a"), arguments[0], true);
        System.out.println("ended as " + driver.run());
    }

    private static FrameworkInfo.Builder of(String... roles) {
        return FrameworkInfo.newBuilder().setUser("").setName("roles").addAllRoles(List.of(roles))
                .addCapabilities(FrameworkInfo.Capability.newBuilder()
                        .setType(FrameworkInfo.Capability.Type.MULTI_ROLE));
    }

    /** Offers of the role come only on the agent of this name. */
    private static OfferConstraints only(String role, String host) {
        AttributeConstraint constraint = AttributeConstraint.newBuilder()
                .setSelector(AttributeConstraint.Selector.newBuilder()
                        .setPseudoattributeType(AttributeConstraint.Selector.PseudoattributeType.HOSTNAME))
                .setPredicate(AttributeConstraint.Predicate.newBuilder().setTextEquals(
                        AttributeConstraint.Predicate.TextEquals.newBuilder().setValue(host)))
                .build();
        return OfferConstraints.newBuilder().putRoleConstraints(role,
                OfferConstraints.RoleConstraints.newBuilder().addGroups(
                        OfferConstraints.RoleConstraints.Group.newBuilder()
                                .addAttributeConstraints(constraint)).build()).build();
    }

    @Override
    public void registered(SchedulerDriver driver, FrameworkID id, MasterInfo master) {
        framework = of("b", "c").setId(id).build();
    }

    @Override
    public void resourceOffers(SchedulerDriver driver, List<Offer> all) {
        for (Offer offer : all) {
            String role = offer.getAllocationInfo().getRole();
            boolean isNext = switch (step) {
                // While a role is wanted, others have their turns, too.
                case 1 -> role.equals("a");
                default -> ++offers == 3;
            };
            if (step != 1 || isNext) {
                System.out.println(role);
            }
            if (isNext) {
                offers = 0;
                System.out.println(next((MesosSchedulerDriver) driver, offer));
            }
            driver.declineOffer(offer.getId(), SOON);
        }
    }

    private String next(MesosSchedulerDriver driver, Offer offer) {
        return switch (step++) {
            case 0 -> "reviveOffers [a]: " + driver.reviveOffers(List.of("a"));
            case 1 -> "suppressOffers [a]: " + driver.suppressOffers(List.of("a"));
            case 2 -> "updateFramework [b, c], suppressed [b]: "
                    + driver.updateFramework(framework, List.of("b"));
            // The other role is offered nothing where it wants to be.
            case 3 -> "updateFramework, b elsewhere: "
                    + driver.updateFramework(framework, List.of(), only("b", "elsewhere"));
            case 4 -> "updateFramework, c elsewhere: "
                    + driver.updateFramework(framework, List.of(), only("c", "elsewhere"));
            default -> {
                FrameworkID other = FrameworkID.newBuilder().setValue("other").build();
                yield "updateFramework of another: "
                        + driver.updateFramework(framework.toBuilder().setId(other).build(), List.of());
            }
        };
    }

    @Override
    public void error(SchedulerDriver driver, String message) {
        System.out.println("error: " + message.replace(framework.getId().getValue(), "ID"));
    }

    @Override
    public void reregistered(SchedulerDriver driver, MasterInfo master) {}

    @Override
    public void disconnected(SchedulerDriver driver) {}

    @Override
    public void statusUpdate(SchedulerDriver driver, TaskStatus status) {}

    @Override
    public void offerRescinded(SchedulerDriver driver, OfferID offer) {}

    @Override
    public void frameworkMessage(SchedulerDriver driver, ExecutorID executor, SlaveID agent, byte[] data) {}

    @Override
    public void slaveLost(SchedulerDriver driver, SlaveID agent) {}

    @Override
    public void executorLost(SchedulerDriver driver, ExecutorID executor, SlaveID agent, int status) {}
}
